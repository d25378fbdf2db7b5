// SPDX-License-Identifier: Apache-2.0
// Frames, each with its payload copied into memory of its own.
#ifndef FRAME_H
#define FRAME_H

#include "ipc.h"

struct ipc_message {
	uint8_t type;
	size_t frame_len; // bytes of the frame, header included
	char *payload;	  // fresh memory of its own, the caller frees it; NULL when empty
	size_t payload_len;
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
