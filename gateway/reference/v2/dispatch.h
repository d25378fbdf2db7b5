// SPDX-License-Identifier: Apache-2.0
// From a message to its answer in the client's batch.
#ifndef DISPATCH_H
#define DISPATCH_H

#include "client.h"
#include "frame.h"
#include "publish.h"

// dispatch answers one message. An answer that NATS has to give is left open for
// nats_collect.
void dispatch(struct client *c, struct publisher *p, const struct ipc_message *msg);

// dispatch_refuse answers what cannot be decoded and lets the client go after it.
void dispatch_refuse(struct client *c, const struct ipc_fault *fault);

// dispatch_stream adds the next frame of a subscription under way.
void dispatch_stream(struct client *c);

#endif
