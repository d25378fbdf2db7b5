/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The tape: a flat array of records, mapped into user space, that is written
 * during a probed slice and read after it. No lock, no wake-up, no copy: a
 * ring buffer's reservation costs several times as much, and its reader would
 * compete with the server for the CPU in the middle of the measurement.
 *
 * A CPU takes chunks of the tape from a common pool, so the memory does not
 * grow with the number of CPUs. When the pool is empty records are lost and
 * counted; user space watches `chunks_taken` and ends the slice before.
 */
#ifndef IPCPROBE_TAPE_H
#define IPCPROBE_TAPE_H

#include "state.h"

#define CHUNK_SHIFT 8
#define CHUNK	    (1 << CHUNK_SHIFT)

/* Number of chunks; the map's max_entries is this times CHUNK. */
const volatile __u32 tape_chunks = 0;

/* Chunks handed out in this slice. May pass tape_chunks. Reset by user space. */
__u64 chunks_taken = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CHUNK); /* set by user space */
	__type(key, __u32);
	__type(value, struct record);
} tape SEC(".maps");

/* No place is so far out: the lookup of it finds nothing. */
#define TAPE_FULL 0xffffffff

#if TYPED
/*
 * The next free place, or TAPE_FULL. Records are made in the calls of threads: where
 * programs are not preempted nobody comes between. An atomic step would have the
 * CPU wait until all it has written is in its cache. Where they are, it gives each its
 * own place, and of two that find their chunk full the later store only leaves the
 * other's partly unused.
 */
static __always_inline __u32 tape_next(struct cpu *cpu)
{
	__u64 place, used, chunk;

	if (preemptible) {
		place = __sync_fetch_and_add(&cpu->tape, 1);
	} else {
		place = cpu->tape;
		cpu->tape = place + 1;
	}
	used = place & 0xffff;
	chunk = place >> 16;
	if (used >= CHUNK) {
		chunk = __sync_fetch_and_add(&chunks_taken, 1);
		if (chunk >= tape_chunks) {
			cpu->tape = CHUNK;
			return TAPE_FULL;
		}
		cpu->tape = chunk << 16 | 1;
		used = 0;
	}
	return (chunk << CHUNK_SHIFT) + used;
}
#else
/* How many CPUs share the tape. Set before the object is loaded. */
const volatile __u32 cpu_count = 1;

/*
 * The same without a common pool, which would take atomic operations that return
 * something: CPU c owns chunks c, c + cpu_count, and so on. Raw tracepoints and
 * kprobes are not interrupted by one another on a CPU. chunks_taken is only a
 * hint here: user space reads the whole tape.
 */
static __always_inline __u32 tape_next(struct cpu *cpu)
{
	__u64 used = cpu->tape & 0xffff, chunk = cpu->tape >> 16;

	if (used >= CHUNK) {
		chunk = (__u32)(chunk + cpu_count);
		if (chunk >= tape_chunks)
			return TAPE_FULL;
		used = 0;
		if (chunks_taken <= chunk)
			chunks_taken = chunk + 1;
	}
	cpu->tape = chunk << 16 | (used + 1);
	return (chunk << CHUNK_SHIFT) + used;
}
#endif

#endif
