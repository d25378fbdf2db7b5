// SPDX-License-Identifier: Apache-2.0
// A receive buffer whose bytes never move: a ring of memory that is mapped twice in a
// row, so that what wraps around its end still lies in one piece.
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
	unsigned char *base; // NULL: nothing is mapped yet
	size_t size;	     // of one mapping
	size_t head;	     // where the oldest byte lies, below size
	size_t len;	     // bytes from there on that are in use
	size_t parsed; // of these, how many are decoded and only wait to be released
};

// ring_reserve makes a ring of at least need bytes. Bytes in a smaller one are copied,
// once: nothing may be parsed and unreleased. It returns false without memory.
bool ring_reserve(struct ring *r, size_t need);

// ring_room is where the next bytes go, *len of them at most; ring_filled says how many
// came.
unsigned char *ring_room(const struct ring *r, size_t *len);
void ring_filled(struct ring *r, size_t len);

// ring_bytes are those that are not parsed, *len of them; ring_parse takes some off.
const unsigned char *ring_bytes(const struct ring *r, size_t *len);
void ring_parse(struct ring *r, size_t len);

// ring_release gives back the room of everything parsed.
void ring_release(struct ring *r);

void ring_free(struct ring *r);

#endif
