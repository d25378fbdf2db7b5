// SPDX-License-Identifier: Apache-2.0
// Tasks to NATS, one at a time.
#ifndef PUBLISH_H
#define PUBLISH_H

#include "upstream.h"

// nats_publish sends the payload as a request on subject and waits for the worker's
// answer, at most timeout_ms. The caller destroys *reply. It returns 0, or -1 with *fault
// set.
int nats_publish(struct upstream *up, const char *subject, const char *payload,
		 size_t len, natsMsg **reply, struct ipc_fault *fault);

#endif
