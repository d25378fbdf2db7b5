// SPDX-License-Identifier: Apache-2.0
// Frames, decoded where they lie.
#ifndef FRAME_H
#define FRAME_H

#include "ipc.h"

struct ipc_message {
	uint8_t type;
	size_t frame_len;    // bytes of the frame, header included
	const char *payload; // inside the buffer that was decoded
	size_t payload_len;
};

// ipc_protocol_decode reads the frame at the head of buf. Nothing is copied: the message
// is good for as long as the bytes stay where they are.
enum ipc_decoded ipc_protocol_decode(const unsigned char *buf, size_t len,
				     struct ipc_message *msg, size_t *need,
				     struct ipc_fault *fault);

#endif
