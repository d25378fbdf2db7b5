// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

__attribute__((noinline)) enum ipc_decoded
ipc_protocol_decode(const unsigned char *buf, size_t len, struct ipc_message *msg,
		    size_t *need, struct ipc_fault *fault)
{
	enum ipc_decoded state = ipc_header(buf, len, need, fault);

	if (state != IPC_WHOLE)
		return state;
	msg->type = buf[5];
	msg->frame_len = *need;
	msg->payload = (const char *)buf + IPC_HEADER;
	msg->payload_len = *need - IPC_HEADER;
	return IPC_WHOLE;
}
