/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * System calls of the target: sys_enter to sys_exit, aggregated here because
 * there are several to a request and only their sums are wanted.
 */
#ifndef IPCPROBE_SYSCALL_H
#define IPCPROBE_SYSCALL_H

#include "state.h"

/*
 * Key: number of the call. Value: its table. Written by the probes of each CPU,
 * read and zeroed by user space between slices. Numbers from CALLS up are
 * counted as lost.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CALLS);
	__type(key, __u32);
	__type(value, struct call_table);
} calls SEC(".maps");

static __always_inline void handle_sys_enter(struct cpu *cpu, __u64 number)
{
	struct account *account = &cpu->accounts[PROGRAM_SYS_ENTER];
	struct thread *thread;

	account->seen++;
	if (current_tgid() != target_tgid) {
		account->filtered++;
		return;
	}
	thread = this_thread(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		account->lost++;
		return;
	}
	thread->blocked_at_enter_ns = thread->blocked_ns;
	thread->queued_at_enter_ns = thread->queued_ns;
	thread->number = number;
	thread->enter_ns = bpf_ktime_get_ns();
	account->emitted++;
}

/* Position of the highest set bit of a non-zero value. */
static __always_inline __u32 log2_floor(__u64 value)
{
	__u32 log = 0;

#pragma unroll
	for (int shift = 32; shift; shift >>= 1)
		if (value >> shift) {
			value >>= shift;
			log += shift;
		}
	return log;
}

static __always_inline __u32 bucket_of(__u64 ns)
{
	__u32 octave, bucket;

	if (ns < 1 << OCTAVE_BITS)
		return ns;
	octave = log2_floor(ns) - OCTAVE_BITS;
	bucket = (octave << OCTAVE_BITS) + (ns >> octave);
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static __always_inline void handle_sys_exit(struct cpu *cpu, __s64 ret)
{
	struct account *account = &cpu->accounts[PROGRAM_SYS_EXIT];
	struct call_table *call;
	struct thread *thread;
	__u64 ns, off;
	__u32 index;

	account->seen++;
	if (current_tgid() != target_tgid) {
		account->filtered++;
		return;
	}
	thread = this_thread(0);
	if (!thread || !thread->enter_ns) {
		/* Entered before the probes attached: its length is not known. */
		account->filtered++;
		return;
	}
	ns = bpf_ktime_get_ns() - thread->enter_ns;
	off = off_in_call(thread);
	thread->enter_ns = 0;
	thread->kernel_ns += ns - off;

	index = thread->number;
	call = bpf_map_lookup_elem(&calls, &index);
	if (!call) {
		account->lost++;
		return;
	}
	account->emitted++;
	call->calls++;
	call->total_ns += ns;
	call->off_cpu_ns += off;
	index = bucket_of(ns);
	if (index < BUCKETS)
		call->duration[index]++;
	if (ret >= 0) {
		call->bytes += ret;
		return;
	}
	index = -ret < ERRNOS - 1 ? -ret : ERRNOS - 1;
	if (index < ERRNOS)
		call->errors[index]++;
}

#endif
