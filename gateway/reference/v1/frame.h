// SPDX-License-Identifier: Apache-2.0
// The frame of the wire protocol: length (4 bytes, big-endian, counts the whole frame),
// version, type, payload.
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

enum {
	IPC_HEADER = 6,
	IPC_VERSION = 0x01,
	IPC_MAX_FRAME = 4 << 20, // header included
	IPC_MAX_PAYLOAD = IPC_MAX_FRAME - IPC_HEADER,
};

enum ipc_type {
	IPC_TASK_SUBMIT = 0x01,
	IPC_TASK_QUERY = 0x02,
	IPC_TASK_CANCEL = 0x03,
	IPC_STREAM_SUBSCRIBE = 0x04,
	IPC_STREAM_DATA = 0x05,
	IPC_STREAM_COMPLETE = 0x06,
	IPC_STREAM_ERROR = 0x07,
	IPC_RESPONSE_OK = 0x10,
	IPC_RESPONSE_ERROR = 0x11,
	IPC_PING = 0xF0,
	IPC_PONG = 0xF1,
	IPC_CAPABILITIES = 0xF2,
};

enum ipc_error {
	IPC_E_VERSION = 1,
	IPC_E_TYPE = 2,
	IPC_E_TOO_LARGE = 3,
	IPC_E_PAYLOAD = 4,
	IPC_E_TIMEOUT = 5,
	IPC_E_CLOSED = 6,
	IPC_E_INTERNAL = 99,
};

struct ipc_message {
	uint8_t type;
	size_t frame_len; // bytes of the frame, header included
	char *payload;	  // fresh memory of its own, the caller frees it; NULL when empty
	size_t payload_len;
};

enum ipc_decoded {
	IPC_WHOLE,   // *msg is set
	IPC_PARTIAL, // more bytes are needed; *need says how many the frame has, 0
		     // unknown
	IPC_BAD,     // *error is set; the stream cannot be followed any further
};

struct ipc_fault {
	enum ipc_error code;
	const char *message;
};

// ipc_protocol_decode reads the frame at the head of buf.
enum ipc_decoded ipc_protocol_decode(const unsigned char *buf, size_t len,
				     struct ipc_message *msg, size_t *need,
				     struct ipc_fault *fault);

// ipc_protocol_encode writes a frame into out, which has room for IPC_MAX_FRAME bytes,
// and returns its length. len is at most IPC_MAX_PAYLOAD.
size_t ipc_protocol_encode(unsigned char *out, uint8_t type, const void *payload,
			   size_t len);

#endif
