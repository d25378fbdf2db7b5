// SPDX-License-Identifier: Apache-2.0
// One client: what it sent and what it is owed.
#ifndef CLIENT_H
#define CLIENT_H

#include "batch.h"
#include "ring.h"

struct client {
	int fd; // -1: the place is free
	struct ring in;
	struct batch out;
	uint64_t stream_left; // data frames still owed to a subscription
	uint64_t stream_seq;
	bool streaming; // the frame that completes the subscription is owed too
	bool last;	// close once everything is sent
};

enum client_state { CLIENT_LIVES, CLIENT_GONE };

void client_open(struct client *c, int fd);

// client_receive does one recv into the ring.
enum client_state client_receive(struct client *c);

// client_send sends the batch. Once all of it is sent, what it pointed to is released.
enum client_state client_send(struct client *c);

// client_blocked says that the peer does not read and answers wait for it.
bool client_blocked(const struct client *c);

// client_close frees everything and marks the place free.
void client_close(struct client *c);

#endif
