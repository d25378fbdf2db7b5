// SPDX-License-Identifier: Apache-2.0
// The gateway's connection to NATS, behind which the workers are.
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include <nats/nats.h>

#include "frame.h"

struct upstream {
	natsOptions *options;
	natsConnection *conn; // NULL: no NATS, the gateway answers by itself
	int64_t timeout_ms;
	uint64_t published; // requests handed to NATS
};

// upstream_open connects to url. It returns 0, or -1 with *why set to a static text.
int upstream_open(struct upstream *up, const char *url, int64_t timeout_ms,
		  const char **why);

// nats_publish sends the payload as a request on subject and waits for the worker's
// answer, at most timeout_ms. The caller destroys *reply. It returns 0, or -1 with *fault
// set.
int nats_publish(struct upstream *up, const char *subject, const char *payload,
		 size_t len, natsMsg **reply, struct ipc_fault *fault);

// upstream_close ends the connection and the library's threads. It may be called twice.
void upstream_close(struct upstream *up);

#endif
