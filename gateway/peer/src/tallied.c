// SPDX-License-Identifier: Apache-2.0
// Counts the allocator's calls at link time (-Wl,--wrap), and says at the end what
// valgrind says of a program whose allocator it can replace: a static one's it can't.
// Of one thread. What one of these calls in turn counts once, as the outermost.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned long allocs, frees, bytes, depth;

static void *counted(void *block, size_t size)
{
	if (--depth == 0 && block) {
		allocs++;
		bytes += size;
	}
	return block;
}

static void *recounted(void *old, void *block, size_t size)
{
	if (depth == 1 && old && (block || !size))
		frees++;
	return counted(block, size);
}

#define WRAP(name, parameters, arguments, size)                                          \
	void *__real_##name parameters;                                                  \
	void *__wrap_##name parameters;                                                  \
	void *__wrap_##name parameters                                                   \
	{                                                                                \
		depth++;                                                                 \
		return counted(__real_##name arguments, size);                           \
	}

WRAP(malloc, (size_t size), (size), size)
WRAP(calloc, (size_t n, size_t each), (n, each), n *each)
WRAP(aligned_alloc, (size_t alignment, size_t size), (alignment, size), size)
WRAP(memalign, (size_t alignment, size_t size), (alignment, size), size)

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
	depth++;
	return recounted(old, __real_realloc(old, size), size);
}

void *__real_reallocarray(void *old, size_t n, size_t each);
void *__wrap_reallocarray(void *old, size_t n, size_t each);
void *__wrap_reallocarray(void *old, size_t n, size_t each)
{
	depth++;
	return recounted(old, __real_reallocarray(old, n, each), n * each);
}

int __real_posix_memalign(void **block, size_t alignment, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
	int error;

	depth++;
	error = __real_posix_memalign(block, alignment, size);
	counted(error ? NULL : *block, size);
	return error;
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
	if (depth == 0 && block)
		frees++;
	depth++;
	__real_free(block);
	depth--;
}

static __attribute__((destructor)) void say_usage(void)
{
	unsigned long a = allocs, f = frees, b = bytes; // stdio allocates, too

	printf("total heap usage: %lu allocs, %lu frees, %lu bytes allocated\n", a, f, b);
	fflush(stdout);
}
