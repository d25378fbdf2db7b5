// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "ring.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIRST_RING = 64 << 10 };

// map_twice maps size bytes of fresh memory two times in a row. size is a multiple of
// the page size.
static unsigned char *map_twice(size_t size)
{
	unsigned char *base = MAP_FAILED;
	int fd = memfd_create("ipc-gateway-ring", MFD_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, (off_t)size) == 0)
		base =
		    mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base != MAP_FAILED && (mmap(base, size, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
				   mmap(base + size, size, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)) {
		munmap(base, 2 * size);
		base = MAP_FAILED;
	}
	close(fd);
	return base == MAP_FAILED ? NULL : base;
}

bool ring_reserve(struct ring *r, size_t need)
{
	size_t size = r->size ? r->size : FIRST_RING;
	struct ring grown = {0};

	while (size < need)
		size *= 2;
	if (r->base && size == r->size)
		return true;
	grown.base = map_twice(size);
	if (!grown.base)
		return false;
	grown.size = size;
	grown.len = r->len;
	if (r->len > 0)
		memcpy(grown.base, r->base + r->head, r->len);
	ring_free(r);
	*r = grown;
	return true;
}

unsigned char *ring_room(const struct ring *r, size_t *len)
{
	*len = r->size - r->len;
	return r->base + (r->head + r->len) % r->size;
}

void ring_filled(struct ring *r, size_t len)
{
	r->len += len;
}

const unsigned char *ring_bytes(const struct ring *r, size_t *len)
{
	*len = r->len - r->parsed;
	return r->base + (r->head + r->parsed) % r->size;
}

void ring_parse(struct ring *r, size_t len)
{
	r->parsed += len;
}

// An empty ring begins at its start again: the pages in use stay few and warm.
void ring_release(struct ring *r)
{
	r->len -= r->parsed;
	r->head = r->len > 0 ? (r->head + r->parsed) % r->size : 0;
	r->parsed = 0;
}

void ring_free(struct ring *r)
{
	if (r->base)
		munmap(r->base, 2 * r->size);
	*r = (struct ring){0};
}
