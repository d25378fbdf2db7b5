// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) enum ipc_decoded
ipc_protocol_decode(const unsigned char *buf, size_t len, struct ipc_message *msg,
		    size_t *need, struct ipc_fault *fault)
{
	enum ipc_decoded state = ipc_header(buf, len, need, fault);

	if (state != IPC_WHOLE)
		return state;
	msg->type = buf[5];
	msg->frame_len = *need;
	msg->payload_len = *need - IPC_HEADER;
	msg->payload = NULL;
	if (msg->payload_len > 0) {
		msg->payload = malloc(msg->payload_len);
		if (!msg->payload) {
			*fault = (struct ipc_fault){IPC_E_INTERNAL, "out of memory"};
			return IPC_BAD;
		}
		memcpy(msg->payload, buf + IPC_HEADER, msg->payload_len);
	}
	return IPC_WHOLE;
}

__attribute__((noinline)) size_t ipc_protocol_encode(unsigned char *out, uint8_t type,
						     const void *payload, size_t len)
{
	ipc_header_put(out, type, len);
	if (len > 0)
		memcpy(out + IPC_HEADER, payload, len);
	return IPC_HEADER + len;
}
