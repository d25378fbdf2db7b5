// SPDX-License-Identifier: Apache-2.0
#include "ipc.h"

static uint32_t get_be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

static bool known_type(uint8_t type)
{
	switch (type) {
	case IPC_TASK_SUBMIT:
	case IPC_TASK_QUERY:
	case IPC_TASK_CANCEL:
	case IPC_STREAM_SUBSCRIBE:
	case IPC_STREAM_DATA:
	case IPC_STREAM_COMPLETE:
	case IPC_STREAM_ERROR:
	case IPC_RESPONSE_OK:
	case IPC_RESPONSE_ERROR:
	case IPC_PING:
	case IPC_PONG:
	case IPC_CAPABILITIES:
		return true;
	}
	return false;
}

static enum ipc_decoded bad(struct ipc_fault *fault, enum ipc_error code,
			    const char *message)
{
	fault->code = code;
	fault->message = message;
	return IPC_BAD;
}

enum ipc_decoded ipc_header(const unsigned char *buf, size_t len, size_t *need,
			    struct ipc_fault *fault)
{
	uint32_t size;

	*need = 0;
	if (len < 4)
		return IPC_PARTIAL;
	size = get_be32(buf);
	if (size > IPC_MAX_FRAME)
		return bad(fault, IPC_E_TOO_LARGE, "frame above 4194304 bytes");
	if (size < IPC_HEADER)
		return bad(fault, IPC_E_PAYLOAD,
			   "frame length below the header's 6 bytes");
	*need = size;
	if (len > 4 && buf[4] != IPC_VERSION)
		return bad(fault, IPC_E_VERSION, "protocol version is not 1");
	if (len > 5 && !known_type(buf[5]))
		return bad(fault, IPC_E_TYPE, "message type is not known");
	return len < size ? IPC_PARTIAL : IPC_WHOLE;
}

void ipc_header_put(unsigned char *out, uint8_t type, size_t len)
{
	put_be32(out, (uint32_t)(IPC_HEADER + len));
	out[4] = IPC_VERSION;
	out[5] = type;
}
