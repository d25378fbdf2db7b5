// SPDX-License-Identifier: Apache-2.0
// What growth keeps: one function a mode, called once a request with its number.
// Leaks keep what they asked for; all the others level off.
#ifndef GROWTHMODES_H
#define GROWTHMODES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

struct growth {
	size_t size;	  // bytes of a block
	uint64_t every;	  // a block in so many requests
	uint64_t bound;	  // blocks, or requests, at which a mode levels off
	uint64_t at;	  // request of the burst or spike
	uint64_t hold_ns; // how long the spike lasts
	uint64_t random;  // state of the generator
	void **held;	  // bound blocks
	uint64_t count;
	size_t room;
	char *buffer;
};

static inline uint64_t random_of(struct growth *g)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return g->random;
}

static inline void *touched(size_t size)
{
	void *p = malloc(size);

	if (!p)
		abort();
	return memset(p, 1, size);
}

__attribute__((noinline)) static void leak_malloc(struct growth *g, uint64_t n)
{
	if (n % g->every == 0) {
		void *volatile lost = touched(g->size);
		(void)lost;
	}
}

__attribute__((noinline)) static void leak_mmap(struct growth *g, uint64_t n)
{
	if (n % g->every == 0) {
		char *p = mmap(NULL, g->size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			abort();
		for (size_t i = 0; i < g->size; i += 4096)
			p[i] = 1;
	}
}

// A buffer that is only ever made longer.
__attribute__((noinline)) static void leak_realloc(struct growth *g, uint64_t n)
{
	if (n % g->every)
		return;
	g->buffer = realloc(g->buffer, g->room + g->size);
	if (!g->buffer)
		abort();
	memset(g->buffer + g->room, 1, g->size);
	g->room += g->size;
}

static void keep_pool(struct growth *g, uint64_t n)
{
	if (n % g->every == 0 && g->count < g->bound)
		g->held[g->count++] = touched(g->size);
}

// Keys at random; the oldest entry goes when the cache is full.
static void keep_cache(struct growth *g, uint64_t n)
{
	uint64_t key = random_of(g) % g->bound;

	(void)n;
	if (random_of(g) % 4 == 0) {
		free(g->held[key]);
		g->held[key] = NULL;
	}
	if (!g->held[key])
		g->held[key] = touched(g->size);
}

static void keep_sawtooth(struct growth *g, uint64_t n)
{
	if (n % g->bound == 0)
		while (g->count > 0)
			free(g->held[--g->count]);
	g->held[g->count++] = touched(g->size);
}

static void keep_doubling(struct growth *g, uint64_t n)
{
	size_t need = (n < g->bound ? n + 1 : g->bound) * g->size;

	while (g->room < need) {
		g->room = g->room ? 2 * g->room : 1024;
		g->buffer = realloc(g->buffer, g->room);
		if (!g->buffer)
			abort();
	}
	memset(g->buffer + need - g->size, 1, g->size);
}

static void keep_fragments(struct growth *g, uint64_t n)
{
	uint64_t i = random_of(g) % g->bound;

	(void)n;
	free(g->held[i]);
	g->held[i] = touched(1 + random_of(g) % (1u << (random_of(g) % 15)));
}

// Threads that each take from an arena of their own, once.
static void *take(void *arg)
{
	struct growth *g = arg;
	void *blocks[256];

	for (int i = 0; i < 256; i++)
		blocks[i] = touched(16 << 10);
	for (int i = 0; i < 256; i++)
		free(blocks[i]);
	(void)g;
	return NULL;
}

static void keep_arenas(struct growth *g, uint64_t n)
{
	pthread_t threads[4];

	if (n != g->at)
		return;
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, take, g))
			abort();
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

// spike takes size bytes for a moment and gives them back to the kernel.
static void spike(size_t size, uint64_t hold_ns)
{
	struct timespec hold = {(time_t)(hold_ns / 1000000000u),
				(long)(hold_ns % 1000000000u)};
	char *p =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	nanosleep(&hold, NULL);
	munmap(p, size);
}

static void keep_spike(struct growth *g, uint64_t n)
{
	if (n == g->at)
		spike(g->size, g->hold_ns);
}

static void keep_nothing(struct growth *g, uint64_t n)
{
	(void)g;
	(void)n;
}

static const struct mode {
	const char *name;
	void (*keep)(struct growth *, uint64_t);
} modes[] = {
    {"nothing", keep_nothing},	   {"leak", leak_malloc},
    {"leak-mmap", leak_mmap},	   {"leak-realloc", leak_realloc},
    {"pool", keep_pool},	   {"cache", keep_cache},
    {"sawtooth", keep_sawtooth},   {"doubling", keep_doubling},
    {"fragments", keep_fragments}, {"arenas", keep_arenas},
    {"spike", keep_spike},
};

#endif
