// SPDX-License-Identifier: Apache-2.0
// From a message to its answer.
#ifndef DISPATCH_H
#define DISPATCH_H

#include "client.h"
#include "frame.h"
#include "publish.h"

// dispatch answers one message; it does not free it.
enum client_state dispatch(struct client *c, struct upstream *up,
			   const struct ipc_message *msg);

// dispatch_fault sends an error frame of the given type (0x11, or 0x07 in a stream).
enum client_state dispatch_fault(struct client *c, uint8_t type,
				 const struct ipc_fault *fault);

// dispatch_stream sends the next frame of a subscription under way.
enum client_state dispatch_stream(struct client *c);

#endif
