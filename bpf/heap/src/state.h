/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is remembered of the target's heap: the call that each thread is in, the
 * blocks that are held, and the sums by the place that asked for them.
 */
#ifndef IPCPROBE_HEAP_STATE_H
#define IPCPROBE_HEAP_STATE_H

#include "registers.h"
#include "unwind.h"

/* Functions of an allocator, and system calls that stand beside them. */
enum function {
	FUNCTION_NONE,
	FUNCTION_MALLOC,
	FUNCTION_CALLOC,
	FUNCTION_REALLOC,
	FUNCTION_REALLOCARRAY,
	FUNCTION_POSIX_MEMALIGN,
	FUNCTION_ALIGNED_ALLOC,
	FUNCTION_MEMALIGN,
	FUNCTION_VALLOC,
	FUNCTION_NEW,
	FUNCTION_FREE,
	FUNCTION_DELETE,
	FUNCTION_MMAP,
	FUNCTION_MREMAP,
};

/* Why nothing counts any more. */
enum ending { ENDING_NONE, ENDING_EXEC, ENDING_EXIT };

enum {
	BUCKETS = 64,
	THREADS = 16384,
	SITES = 16384,
	PATHS = 16384,
	MAPPINGS = 65536,
	PATH_DEPTH = 64, /* a power of two */
};

const volatile __u32 target_tgid = 0;
/* The allocator is glibc's: the word before a block is its size and flags. */
const volatile __u32 chunk_headers = 0;

/*
 * Functions of a C library without unwind tables that hand out what they allocate
 * (strdup): where they are in the process. Behind the last: 0.
 */
struct helper {
	__u64 start;
	__u64 end;
};

enum { HELPERS = 8 };

const volatile struct helper helpers[HELPERS] = {};

/* Written by user space between stretches. */
__u32 counting = 0;
__u64 answer_bytes = 1; /* of an answer */
__u64 last_brk = 0;	/* the end of the heap segment; 0: not known */

/* Read by user space. */
__u64 answered_bytes = 0; /* of answers that it has sent: the clock of lifetimes */
__u32 ending = ENDING_NONE;
__u64 forks = 0;

/* seen = emitted + filtered + lost */
struct account {
	__u64 seen;
	__u64 emitted;
	__u64 filtered; /* of another process, nested in another call, or not counting */
	__u64 lost;	/* a map was full, or a call whose end was not seen */
};

/* Sums of one CPU; differences may be below 0, their sum over the CPUs is not. */
struct sums {
	struct account account;
	__u64 hits; /* stops of the target in a user probe, counting or not */
	__u64 allocs;
	__u64 frees;
	__u64 alloc_bytes;
	__u64 freed_bytes;
	__u64 alloc_block_bytes;
	__u64 freed_block_bytes;
	__u64 older_frees;
	__u64 failed;
	__u64 mapped_bytes;
	__u64 unmapped_bytes;
	__s64 grown_bytes;
	__u64 sizes[BUCKETS];	  /* by the highest bit of the size, 0 in the first */
	__u64 lifetimes[BUCKETS]; /* likewise, in requests */
};

/* Key: 0. Written by the probes of each CPU, read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sums);
} totals SEC(".maps");

/* A place that asks for memory. */
struct site_key {
	__u64 caller; /* return address of the outermost call */
	__u64 path;   /* in paths; 0: not known */
	__u32 function;
	__u32 pad;
};

/* A stack, the allocator's caller first. */
struct path {
	__u32 frames;
	__u32 end; /* enum unwind_end */
	__u64 address[PATH_DEPTH];
};

struct site {
	__u64 allocs;
	__u64 frees;
	__u64 alloc_bytes;
	__u64 freed_bytes;
};

/* Key: the place. Value: its sums. Full: the call counts as lost. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SITES);
	__type(key, struct site_key);
	__type(value, struct site);
} sites SEC(".maps");

/* A block that is held. */
struct block {
	struct site_key site;
	__u64 size;	  /* that was asked for */
	__u64 block_size; /* that the allocator took; 0: not known */
	__u64 birth;	  /* answered_bytes */
};

/*
 * Key: a block's address. Only what is held takes memory. User space sets how
 * many there may be; full: the call counts as lost, its block's end as one of an
 * older block.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct block);
} blocks SEC(".maps");

/* The same of mappings that the program made itself. Key: the first page. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAPPINGS);
	__type(key, __u64);
	__type(value, struct block);
} mappings SEC(".maps");

/*
 * The call that a thread is in. sp tells the outermost: calls that it makes in
 * turn stand lower on the stack, and its end is seen at just this height.
 */
struct call {
	__u64 sp; /* 0: in none */
	struct site_key site;
	__u64 size;
	__u64 out;    /* posix_memalign: where the block's address goes */
	__u64 old;    /* realloc: the block that is given back */
	__u32 held;   /* was holds old's entry */
	__u32 number; /* of the system call under way; 0: none of ours */
	struct block was;
	__u64 address, length, to; /* of the system call */
	__u64 freed; /* the block that was freed last, by which function, and where */
	__u64 freed_sp;
	__u32 freed_by;
	__u32 pad_freed;
	__u64 via_sp; /* mmap and mremap of the C library: who called them */
	struct site_key via;
	__u32 nested; /* the system call is the allocator's own */
	__u32 pad;
	__u64 help_sp; /* the helper that the thread entered last; 0: none */
	struct helper help;
	struct site_key helped;
	__u64 hash; /* of the path so far */
	struct path path;
	struct unwind_walk walk;
};

/* Key: thread id. A thread's own probes alone write it. Full: lost. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, THREADS);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline struct sums *this_totals(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&totals, &zero);
}

static __always_inline struct call *this_call(int create)
{
	static const struct call none;
	__u32 tid = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &tid);

	if (call || !create)
		return call;
	bpf_map_update_elem(&calls, &tid, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&calls, &tid);
}

static __always_inline int is_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target_tgid;
}

/* Position of the highest set bit, counted from 1; 0 for 0. Below BUCKETS. */
static __always_inline __u32 bucket_of(__u64 value)
{
	__u32 log = 0;

	if (!value)
		return 0;
#pragma unroll
	for (int shift = 32; shift; shift >>= 1)
		if (value >> shift) {
			value >>= shift;
			log += shift;
		}
	return log + 1 < BUCKETS ? log + 1 : BUCKETS - 1;
}

#endif
