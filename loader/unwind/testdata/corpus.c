// SPDX-License-Identifier: Apache-2.0
/*
 * Functions whose frames compilers lay out in every way they know: without a
 * frame, with saved registers, with a large frame, with one of variable size,
 * aligned beyond the ABI's, with an early return, with a tail call.
 */
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile long sink;

__attribute__((noinline)) long corpus_leaf(long a)
{
	return a * 3 + 1;
}

__attribute__((noinline)) long corpus_saves(long a, long b, long c, long d)
{
	long w = corpus_leaf(a), x = corpus_leaf(b), y = corpus_leaf(c);
	long z = corpus_leaf(d);

	return corpus_leaf(w ^ x) + corpus_leaf(y ^ z) + w * x * y * z;
}

__attribute__((noinline)) long corpus_large(long a)
{
	char buffer[4 << 20];

	memset(buffer, (int)a, sizeof(buffer));
	sink = buffer[a & 0xfffff];
	return corpus_saves(a, 1, 2, sink);
}

__attribute__((noinline)) long corpus_variable(size_t n)
{
	char *memory = alloca(n);

	memset(memory, 7, n);
	sink = memory[n / 2];
	return corpus_saves((long)n, memory[0], 5, 6);
}

__attribute__((noinline)) long corpus_aligned(long a)
{
	long words[16] __attribute__((aligned(128)));

	for (int i = 0; i < 16; i++)
		words[i] = corpus_leaf(a + i);
	sink = words[a & 15];
	return corpus_saves(words[1], words[2], words[3], words[4]);
}

__attribute__((noinline)) long corpus_aligned_variable(size_t n)
{
	long words[8] __attribute__((aligned(64)));
	char *memory = alloca(n);

	memset(memory, 3, n);
	words[n & 7] = memory[n / 2];
	sink = words[3];
	return corpus_saves(words[0], (long)n, corpus_leaf(sink), corpus_aligned(sink));
}

__attribute__((noinline)) long corpus_early(long a)
{
	if (a < 0)
		return -1;
	if (a == 7)
		abort();
	for (long i = 0; i < a; i++) {
		if (corpus_leaf(i) == 100)
			return corpus_saves(i, a, i, a);
		sink += corpus_variable((size_t)(i & 63) + 16);
	}
	return corpus_saves(a, a, a, a) + corpus_leaf(a);
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int main(int argc, char **argv)
{
	int numbers[64];

	for (int i = 0; i < 64; i++)
		numbers[i] = (i * 37) % 64;
	qsort(numbers, 64, sizeof(numbers[0]), compare);
	sink = corpus_large(argc) + corpus_aligned(argc) + corpus_early(argc + 8);
	sink += corpus_aligned_variable((size_t)argc + 100);
	printf("%ld %d %s\n", sink, numbers[3], argv[0]);
	return 0;
}
