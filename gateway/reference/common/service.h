// SPDX-License-Identifier: Apache-2.0
// What each build of the gateway provides: its name, and serving.
#ifndef SERVICE_H
#define SERVICE_H

#include "upstream.h"

enum {
	MAX_CLIENTS = 64,
	STREAM_FRAMES = 3, // data frames of a subscription that names no count
	STREAM_FRAMES_MAX = 1000000,
	STREAM_TURN = 64, // frames of a subscription before the other clients' turn
};

struct service {
	int listener;
	int signals; // a signalfd; readable: end
	struct upstream *upstream;
};

// service_asap says whether messages to NATS leave from the thread that publishes them.
extern const bool service_asap;

// service_open readies what the build needs before the socket is announced. It returns
// 0, or -1 after a message on standard error.
int service_open(struct service *s);

// service_run serves until a signal arrives. It returns 0, or -1 after a message.
int service_run(struct service *s);

// service_close closes every client and frees what service_open took.
void service_close(struct service *s);

#endif
