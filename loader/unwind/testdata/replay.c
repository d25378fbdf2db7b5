// SPDX-License-Identifier: Apache-2.0
/*
 * The walk of bpf/src/unwind.h as an ordinary program: it reads a snapshot, walks
 * it as the kernel would, and prints the frames and how the walk ended. With a
 * file of memory (/proc/PID/mem of a stopped process) words that the snapshot
 * lacks come from there, and each that was read is printed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unwind.h"

#define ROWS	 (1 << 20)
#define RULES	 (1 << 14)
#define MAPPINGS (1 << 10)
#define WORDS	 (1 << 12)

static struct unwind_row rows[ROWS];
static struct unwind_rule rules[RULES];
static struct unwind_mapping mappings[MAPPINGS];
static struct {
	__u64 address, value;
} words[WORDS];
static unsigned row_count, rule_count, mapping_count, word_count;
static int memory = -1;

static __always_inline struct unwind_row *unwind_row_at(__u32 i)
{
	return i < row_count ? &rows[i] : NULL;
}

static __always_inline struct unwind_rule *unwind_rule_at(__u32 i)
{
	return i < rule_count ? &rules[i] : NULL;
}

static __always_inline struct unwind_mapping *unwind_mapping_at(__u32 i)
{
	return i < mapping_count ? &mappings[i] : NULL;
}

static __always_inline long unwind_load(__u64 *value, __u64 address)
{
	for (unsigned i = 0; i < word_count; i++)
		if (words[i].address == address) {
			*value = words[i].value;
			return 0;
		}
	if (memory < 0 ||
	    pread(memory, value, sizeof(*value), (off_t)address) != sizeof(*value))
		return -1;
	printf("word %llx %llx\n", address, *value);
	return 0;
}

static void fail(const char *line)
{
	fprintf(stderr, "replay: %s", line);
	exit(2);
}

static void read_rule(const char *line)
{
	struct unwind_rule *r = &rules[rule_count];
	unsigned v[8];

	if (rule_count++ == RULES ||
	    sscanf(line, "rule %d %d %d %d %d %u %u %u %u %u %u %u %u", &r->cfa_offset,
		   &r->cfa_add, &r->result, &r->frame, &r->saved, &v[0], &v[1], &v[2],
		   &v[3], &v[4], &v[5], &v[6], &v[7]) != 13)
		fail(line);
	r->base = (__u8)v[0];
	r->index = (__u8)v[1];
	r->shift = (__u8)v[2];
	r->cfa = (__u8)v[3];
	r->result_is = (__u8)v[4];
	r->frame_is = (__u8)v[5];
	r->saved_is = (__u8)v[6];
	r->signal = (__u8)v[7];
}

static void read_line(const char *line, struct unwind_walk *w)
{
	struct unwind_mapping *m = &mappings[mapping_count];
	unsigned long long a, b, c;
	unsigned x, y, z;

	if (!strncmp(line, "rule ", 5)) {
		read_rule(line);
	} else if (sscanf(line, "row %x %u %u", &x, &y, &z) == 3 && row_count < ROWS) {
		rows[row_count++] = (struct unwind_row){x, (__u16)y, (__u16)z};
	} else if (sscanf(line, "mapping %llx %llx %llx %u %u %u", &a, &b, &c, &x, &y,
			  &z) == 6 &&
		   mapping_count < MAPPINGS) {
		*m = (struct unwind_mapping){a, b, c, x, y, z, 0};
		mapping_count++;
	} else if (sscanf(line, "word %llx %llx", &a, &b) == 2 && word_count < WORDS) {
		words[word_count].address = a;
		words[word_count++].value = b;
	} else if (sscanf(line, "register %u %llx", &x, &a) == 2 &&
		   x < UNWIND_REGISTERS) {
		w->registers[x] = a;
	} else if (sscanf(line, "pc %llx %u", &a, &x) == 2) {
		w->pc = a;
		w->exact = (__u8)x;
	} else if (strncmp(line, "frame ", 6) && strncmp(line, "end ", 4) &&
		   line[0] != '#') {
		fail(line);
	}
}

int main(int argc, char **argv)
{
	struct unwind_walk walk = {.leaf = 1};
	enum unwind_end end = UNWIND_WALKING;
	char line[256];

	while (fgets(line, sizeof(line), stdin))
		read_line(line, &walk);
	if (argc > 1 && (memory = open(argv[1], O_RDONLY)) < 0) {
		perror(argv[1]);
		return 2;
	}
	walk.process.count = mapping_count;
	walk.stack = walk.registers[UNWIND_STACK];
	walk.frame.value = walk.registers[UNWIND_FRAME];
	walk.saved.value = walk.registers[UNWIND_SAVED];
	printf("frame %llx\n", walk.pc);
	for (int i = 1; i < 127 && !end; i++) {
		end = unwind_frame(&walk);
		if (!end)
			printf("frame %llx\n", walk.pc);
	}
	printf("end %d\n", end);
	return 0;
}
