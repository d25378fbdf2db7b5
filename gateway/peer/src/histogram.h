// SPDX-License-Identifier: Apache-2.0
// A log-linear histogram of nanoseconds: 256 steps in each power of two, so that a value
// is known within 0.4 %. Recording is a shift and an addition.
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { STEP_BITS = 8, STEPS = 1 << STEP_BITS, SLOTS = (64 - STEP_BITS + 1) * STEPS };

struct histogram {
	uint64_t count, max;
	uint64_t slot[SLOTS];
};

static inline unsigned slot_of(uint64_t v)
{
	unsigned shift;

	if (v < STEPS)
		return (unsigned)v;
	shift = 63u - (unsigned)__builtin_clzll(v) - STEP_BITS;
	return ((shift + 1) << STEP_BITS) + (unsigned)((v >> shift) - STEPS);
}

static inline void histogram_add(struct histogram *h, uint64_t v)
{
	h->slot[slot_of(v)]++;
	h->count++;
	if (v > h->max)
		h->max = v;
}

// histogram_at returns the middle of the slot that holds the given quantile, 0 when
// empty.
static inline uint64_t histogram_at(const struct histogram *h, double quantile)
{
	uint64_t rank = (uint64_t)(quantile * (double)h->count), seen = 0;

	if (h->count == 0)
		return 0;
	if (rank >= h->count)
		rank = h->count - 1;
	for (unsigned i = 0; i < SLOTS; i++) {
		seen += h->slot[i];
		if (seen > rank) {
			unsigned shift = i < STEPS ? 0 : (i >> STEP_BITS) - 1;
			uint64_t low =
			    i < STEPS ? i : ((uint64_t)(i % STEPS) + STEPS) << shift;

			return low + ((1ull << shift) >> 1);
		}
	}
	return h->max;
}

#endif
