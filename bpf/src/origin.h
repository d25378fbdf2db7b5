/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Origins: what new memory came from, by kind and call path. Paths are user stacks
 * as walk.h finds them; equal ones are stored once. The probes of page faults are
 * an object of their own, and share these maps.
 */
#ifndef IPCPROBE_ORIGIN_H
#define IPCPROBE_ORIGIN_H

#include "walk.h"

enum origin_kind {
	ORIGIN_FAULT,
	ORIGIN_BRK,
	ORIGIN_MMAP,
	ORIGIN_MUNMAP,
	ORIGIN_MREMAP,
	ORIGIN_KINDS,
};

#define PATH_DEPTH 32 /* frames that are kept, a power of two */
#define ORIGINS	   4096

struct origin_key {
	__u64 path; /* hash of its frames; 0: not known */
	__u32 kind; /* enum origin_kind */
	__u32 pad;
};

struct origin {
	__u64 count;
	__s64 bytes; /* by which the address space grew */
};

struct path {
	__u32 frames;
	__u32 pad;
	__u64 address[PATH_DEPTH];
};

/* Key: origin_key. Written by the probes, read by user space. Full: lost. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ORIGINS);
	__type(key, struct origin_key);
	__type(value, struct origin);
} origins SEC(".maps");

/* Key: origin_key.path. Written once by the probes, read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ORIGINS);
	__type(key, __u64);
	__type(value, struct path);
} paths SEC(".maps");

/* Where a path is put together: too large for a program's stack. Key: 0. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path);
} scratch SEC(".maps");

/* Key: 0. Value: events that found no room. Written by the probes, read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} origins_lost SEC(".maps");

#define HASH_BASIS 0xcbf29ce484222325ULL
#define HASH_PRIME 0x00000100000001b3ULL

/* The hash of the current user stack, which is stored; 0: there is none. */
static __always_inline __u64 current_path(void)
{
	struct sample *s = walk_stack(NULL, WALKER_OTHER, 0);
	__u64 hash = HASH_BASIS;
	struct path *path;
	__u32 zero = 0, n;

	path = bpf_map_lookup_elem(&scratch, &zero);
	if (!s || !path)
		return 0;
	n = s->user_frames;
	if (n > PATH_DEPTH)
		n = PATH_DEPTH;
	path->frames = n;
	path->pad = 0;
	for (__u32 i = 0; i < PATH_DEPTH; i++) {
		__u64 address = i < n ? s->frames[i] : 0;

		path->address[i] = address;
		hash = (hash ^ address) * HASH_PRIME;
	}
	if (!n)
		return 0;
	if (!bpf_map_lookup_elem(&paths, &hash) &&
	    bpf_map_update_elem(&paths, &hash, path, BPF_NOEXIST) &&
	    !bpf_map_lookup_elem(&paths, &hash))
		return 0;
	return hash;
}

/* Adds to an origin. count is how many events this one stands for. */
static __always_inline void add_origin(__u32 kind, __u64 count, __s64 bytes)
{
	struct origin_key key = {.kind = kind};
	struct origin first = {.count = count, .bytes = bytes};
	struct origin *origin;
	__u32 zero = 0;
	__u64 *lost;

	key.path = current_path();
	origin = bpf_map_lookup_elem(&origins, &key);
	if (!origin) {
		if (!bpf_map_update_elem(&origins, &key, &first, BPF_NOEXIST))
			return;
		origin = bpf_map_lookup_elem(&origins, &key);
		if (!origin) {
			lost = bpf_map_lookup_elem(&origins_lost, &zero);
			if (lost)
				__sync_fetch_and_add(lost, count);
			return;
		}
	}
	__sync_fetch_and_add(&origin->count, count);
	__sync_fetch_and_add(&origin->bytes, bytes);
}

#endif
