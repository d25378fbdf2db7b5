// SPDX-License-Identifier: Apache-2.0
// The gateway's connection to NATS, behind which the workers are. How a task is handed
// over is each build's own: nats_publish.
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <nats/nats.h>

#include "ipc.h"

struct upstream {
	natsOptions *options;
	natsConnection *conn; // NULL: no NATS, the gateway answers by itself
	int64_t timeout_ms;
	uint64_t published; // requests handed to NATS
};

// upstream_open connects to url; asap sends each message at once, from the thread that
// publishes it, and not through the library's flusher thread. It returns 0, or -1 with
// *why set to a static text.
int upstream_open(struct upstream *up, const char *url, bool asap, const char **why);

// upstream_fault is the error that a client is told for a failure of the library.
struct ipc_fault upstream_fault(natsStatus s);

// upstream_close ends the connection and the library's threads. It may be called twice.
void upstream_close(struct upstream *up);

#endif
