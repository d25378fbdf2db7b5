/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Paths: the user stack of a call of the allocator, from its caller to the
 * thread's start, by the tables of loader/unwind. Equal paths are stored once.
 *
 * A user probe's program can be preempted by that of another thread, so what a
 * walk needs stands with its thread and not with its processor.
 */
#ifndef IPCPROBE_HEAP_PATH_H
#define IPCPROBE_HEAP_PATH_H

#include "state.h"

/* The tables: made and filled by user space (loader.OpenUnwinding). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_row);
} unwind_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_rule);
} unwind_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_mapping);
} unwind_mappings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct unwind_process);
} unwind_processes SEC(".maps");

/*
 * Key: a path's hash. Written once by the probes, read by user space. Full: the
 * site has its caller and no path.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PATHS);
	__type(key, __u64);
	__type(value, struct path);
} paths SEC(".maps");

static __always_inline struct unwind_row *unwind_row_at(__u32 i)
{
	return bpf_map_lookup_elem(&unwind_rows, &i);
}

static __always_inline struct unwind_rule *unwind_rule_at(__u32 i)
{
	return bpf_map_lookup_elem(&unwind_rules, &i);
}

static __always_inline struct unwind_mapping *unwind_mapping_at(__u32 i)
{
	return bpf_map_lookup_elem(&unwind_mappings, &i);
}

static __always_inline long unwind_load(__u64 *value, __u64 address)
{
	return bpf_probe_read_user(value, sizeof(*value), (const void *)address);
}

#define HASH_BASIS 0xcbf29ce484222325ULL
#define HASH_PRIME 0x00000100000001b3ULL

/*
 * One frame up, by a thread's own number. The verifier takes a global function
 * once, by itself; a bounded loop may then call it (Linux 5.6).
 */
__attribute__((noinline)) int path_step(__u32 thread)
{
	struct call *call = bpf_map_lookup_elem(&calls, &thread);
	enum unwind_end end;

	if (!call)
		return UNWIND_PROCESS;
	end = unwind_frame(&call->walk);
	if (end)
		return end;
	call->path.address[call->path.frames & (PATH_DEPTH - 1)] = call->walk.pc;
	call->path.frames++;
	call->hash = (call->hash ^ call->walk.pc) * HASH_PRIME;
	return UNWIND_WALKING;
}

/*
 * The path that begins with a call's caller; 0: there is none. The probe stands
 * where the stack is still as the caller left it.
 */
static __always_inline __u64 path_of(struct registers *r, struct call *call, __u64 caller)
{
	__u32 tgid = target_tgid, thread = bpf_get_current_pid_tgid();
	struct unwind_process *process = bpf_map_lookup_elem(&unwind_processes, &tgid);
	enum unwind_end end = UNWIND_WALKING;
	struct unwind_walk *w = &call->walk;
	__u64 hash;

	if (!process)
		return 0;
	w->pc = caller;
	w->stack = STACK(r) + RETURN_SLOT;
	w->frame.value = FRAME(r);
	w->frame.at = 0;
	w->frame.lost = 0;
	w->saved.value = SAVED(r);
	w->saved.at = 0;
	w->saved.lost = 0;
	w->process = *process;
	w->mapping = process->first;
	w->leaf = 0;
	w->exact = 0;
	call->path.frames = 1;
	call->path.address[0] = caller;
	call->hash = (HASH_BASIS ^ caller) * HASH_PRIME;
	for (int i = 1; i < PATH_DEPTH && !end; i++)
		end = path_step(thread);
	call->path.end = end ? end : UNWIND_DEEP;
	hash = call->hash;
	if (!bpf_map_lookup_elem(&paths, &hash) &&
	    bpf_map_update_elem(&paths, &hash, &call->path, BPF_NOEXIST))
		return 0;
	return hash;
}

#endif
