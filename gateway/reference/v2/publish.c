// SPDX-License-Identifier: Apache-2.0
#include "publish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int publisher_open(struct publisher *p, struct upstream *up, const char **why)
{
	char subject[128];
	natsStatus s;

	memset(p, 0, sizeof(*p));
	p->upstream = up;
	if (!up->conn)
		return 0;
	s = natsInbox_Create(&p->inbox);
	if (s == NATS_OK) {
		snprintf(subject, sizeof(subject), "%s.*", p->inbox);
		s = natsConnection_SubscribeSync(&p->reply, up->conn, subject);
	}
	// What is under way is bounded by the receive buffers, not by the library.
	if (s == NATS_OK)
		s = natsSubscription_SetPendingLimits(p->reply, -1, -1);
	if (s == NATS_OK)
		s = natsConnection_Flush(up->conn);
	if (s == NATS_OK)
		return 0;
	*why = natsStatus_GetText(s);
	return -1;
}

__attribute__((noinline)) int nats_publish(struct publisher *p, const char *subject,
					   const char *payload, size_t len,
					   unsigned int place, struct ipc_fault *fault)
{
	char reply[160];
	natsStatus s;

	snprintf(reply, sizeof(reply), "%s.%" PRIu64, p->inbox, p->next);
	s = natsConnection_PublishRequest(p->upstream->conn, subject, reply, payload,
					  (int)len);
	if (s != NATS_OK) {
		*fault = upstream_fault(s);
		return -1;
	}
	p->upstream->published++;
	p->places[p->next - p->first] = place;
	p->done[p->next - p->first] = false;
	p->next++;
	p->open++;
	return 0;
}

// settle fills the place of the task that an answer belongs to. An answer that comes
// after its task was given up belongs to none.
static void settle(struct publisher *p, struct batch *b, natsMsg *msg)
{
	static const struct ipc_fault too_large = {IPC_E_TOO_LARGE,
						   "the answer is above 4194304 bytes"};
	const char *number = strrchr(natsMsg_GetSubject(msg), '.');
	uint64_t i = number ? strtoull(number + 1, NULL, 10) - p->first : UINT64_MAX;
	struct ipc_fault fault;

	if (i >= p->next - p->first || p->done[i]) {
		natsMsg_Destroy(msg);
		return;
	}
	p->done[i] = true;
	p->open--;
	if (natsMsg_IsNoResponders(msg)) {
		fault = upstream_fault(NATS_NO_RESPONDERS);
		batch_fault(b, p->places[i], IPC_RESPONSE_ERROR, &fault);
		natsMsg_Destroy(msg);
	} else if (natsMsg_GetDataLength(msg) > IPC_MAX_PAYLOAD) {
		batch_fault(b, p->places[i], IPC_RESPONSE_ERROR, &too_large);
		natsMsg_Destroy(msg);
	} else {
		batch_reply(b, p->places[i], IPC_RESPONSE_OK, msg);
	}
}

void nats_collect(struct publisher *p, struct batch *b)
{
	natsStatus s = NATS_OK;
	struct ipc_fault fault;

	while (p->open > 0 && s == NATS_OK) {
		natsMsg *msg = NULL;

		s = natsSubscription_NextMsg(&msg, p->reply, p->upstream->timeout_ms);
		if (s == NATS_OK)
			settle(p, b, msg);
	}
	for (uint64_t i = 0; p->open > 0 && i < p->next - p->first; i++) {
		if (p->done[i])
			continue;
		fault = upstream_fault(s);
		batch_fault(b, p->places[i], IPC_RESPONSE_ERROR, &fault);
		p->open--;
	}
	p->first = p->next;
}

void publisher_close(struct publisher *p)
{
	natsSubscription_Destroy(p->reply);
	natsInbox_Destroy(p->inbox);
	p->reply = NULL;
	p->inbox = NULL;
}
