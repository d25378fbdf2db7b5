// SPDX-License-Identifier: Apache-2.0
// The wire protocol: frames of length (4 bytes, big-endian, counts the whole frame),
// version, type, payload.
#ifndef IPC_H
#define IPC_H

#include <stdbool.h>
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

// What ipc_protocol_decode made of the bytes it was given.
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

// ipc_header judges the header at the head of buf as soon as its bytes are there, before
// the payload is waited for. IPC_WHOLE says that the whole frame is there; its length is
// in *need.
enum ipc_decoded ipc_header(const unsigned char *buf, size_t len, size_t *need,
			    struct ipc_fault *fault);

// ipc_header_put writes the header of a frame with a payload of len bytes.
void ipc_header_put(unsigned char *out, uint8_t type, size_t len);

#endif
