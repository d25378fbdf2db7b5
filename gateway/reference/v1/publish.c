// SPDX-License-Identifier: Apache-2.0
#include "publish.h"

__attribute__((noinline)) int nats_publish(struct upstream *up, const char *subject,
					   const char *payload, size_t len,
					   natsMsg **reply, struct ipc_fault *fault)
{
	natsStatus s = natsConnection_Request(reply, up->conn, subject, payload, (int)len,
					      up->timeout_ms);

	// The request has left unless the library refused it; then nobody received it
	// either.
	if (s == NATS_OK || s == NATS_TIMEOUT || s == NATS_NO_RESPONDERS)
		up->published++;
	if (s == NATS_OK)
		return 0;
	*fault = upstream_fault(s);
	return -1;
}
