// SPDX-License-Identifier: Apache-2.0
// One client: its receive buffer, and what could not be sent yet.
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
	int fd;		   // -1: the place is free
	unsigned char *in; // received and not yet cut off
	size_t in_len, in_cap;
	unsigned char *out; // what the socket did not take of the last frame
	size_t out_len, out_sent;
	uint64_t stream_left; // data frames still owed to a subscription
	uint64_t stream_seq;
	bool streaming; // the frame that completes the subscription is owed too
	bool last;	// close once everything is sent
};

enum client_state { CLIENT_LIVES, CLIENT_GONE };

void client_init(struct client *c, int fd);

// client_receive does one recv into the tail of the buffer.
enum client_state client_receive(struct client *c);

// client_reserve makes room for a frame of need bytes at the head of the buffer.
enum client_state client_reserve(struct client *c, size_t need);

// client_cut takes len bytes off the head of the buffer.
void client_cut(struct client *c, size_t len);

// client_answer encodes a frame and sends it; what the socket does not take is kept.
// Nothing may be kept already: ask client_blocked first.
enum client_state client_answer(struct client *c, uint8_t type, const void *payload,
				size_t len);

// client_flush goes on with what was kept.
enum client_state client_flush(struct client *c);

// client_blocked says that the peer does not read and bytes are kept for it.
bool client_blocked(const struct client *c);

// client_close frees everything and marks the place free.
void client_close(struct client *c);

#endif
