// SPDX-License-Identifier: Apache-2.0
// A log of stamps that several threads and processes write: memory that they share,
// written to a file by the one that ends last.
#ifndef STAMPLOG_H
#define STAMPLOG_H

#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/mman.h>

#include "stamps.h"
#include "wire.h"

enum { STAMP_ROOM = 1 << 23 }; // records; memory is taken as it is used

struct stamp_log {
	_Atomic uint64_t count;
	_Atomic uint32_t connections; // in the order of accept
	atomic_flag accepting;
	struct stamp records[STAMP_ROOM];
};

static inline struct stamp_log *open_log(void)
{
	struct stamp_log *log = mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (log == MAP_FAILED)
		die("mmap");
	atomic_flag_clear(&log->accepting);
	return log;
}

static inline void put_stamp(struct stamp_log *log, const struct stamp *stamp)
{
	uint64_t n = atomic_fetch_add(&log->count, 1);

	if (n < STAMP_ROOM)
		log->records[n] = *stamp;
}

// write_log is for when nobody writes stamps any more.
static inline void write_log(const struct stamp_log *log, const char *path)
{
	uint64_t count = log->count < STAMP_ROOM ? log->count : STAMP_ROOM;
	struct stamp_file head = {STAMP_MAGIC, STAMP_VERSION, sizeof(struct stamp), count,
				  log->count - count};
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(&head, sizeof(head), 1, f) != 1 ||
	    fwrite(log->records, sizeof(struct stamp), count, f) != count ||
	    fclose(f) != 0)
		die(path);
}

#endif
