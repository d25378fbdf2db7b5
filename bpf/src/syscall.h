/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * System calls of the target: sys_enter to sys_exit, aggregated here because
 * there are several to a request and only their sums are wanted.
 */
#ifndef IPCPROBE_SYSCALL_H
#define IPCPROBE_SYSCALL_H

#include "pending.h"
#include "growth.h"

/*
 * Key: number of the call. Value: its table. Written by the probes of each CPU,
 * read by user space at the end. No kernel has a number from CALLS up.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CALLS);
	__type(key, __u32);
	__type(value, struct call_table);
} calls SEC(".maps");

/*
 * Key: slot times CALLS and the number of the call. Value: its sums. A slot is
 * one thread's, so its only writer is that thread; slot 0 is shared. Read by user
 * space at the end.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS *CALLS);
	__type(key, __u32);
	__type(value, struct thread_call);
} thread_calls SEC(".maps");

/* Key: slot. Written by the thread that takes it, read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct slot_owner);
} slots SEC(".maps");

/* Slots given away; may pass SLOTS. */
__u32 slots_taken = 0;

/* The thread's slot, taken at its first call; 0 when there is none left. */
static __always_inline __u32 slot_of(struct cpu *cpu, struct thread *thread)
{
	struct slot_owner *owner;
	__u64 id;
	__u32 slot;

	if (thread->slot)
		return thread->slot - 1;
	slot = FETCH_ADD(&slots_taken, 1) + 1;
	if (slot >= SLOTS)
		slot = 0;
	thread->slot = slot + 1;
	store_thread(cpu); /* it outlives the slice */
	owner = bpf_map_lookup_elem(&slots, &slot);
	if (!slot || !owner)
		return 0;
	id = bpf_get_current_pid_tgid();
	owner->thread = id;
	owner->process = id >> 32;
	bpf_get_current_comm(owner->name, sizeof(owner->name));
	return slot;
}

static __always_inline void count_for_thread(struct cpu *cpu, struct thread *thread,
					     __u32 number, __u64 ns, __s64 ret)
{
	__u32 slot = slot_of(cpu, thread), place = slot * CALLS + number;
	struct thread_call *call = bpf_map_lookup_elem(&thread_calls, &place);

	if (!call)
		return;
	if (slot) {
		call->calls++;
		call->total_ns += ns;
		if (ret >= 0)
			call->bytes += ret;
		else
			call->failed++;
		return;
	}
	__sync_fetch_and_add(&call->calls, 1);
	__sync_fetch_and_add(&call->total_ns, ns);
	if (ret >= 0)
		__sync_fetch_and_add(&call->bytes, ret);
	else
		__sync_fetch_and_add(&call->failed, 1);
}

/*
 * Whom the client woke before this send is no matter of it: an interrupt that wakes
 * somebody can come upon the end of the send before.
 */
static __always_inline void begin_client_send(struct cpu *cpu)
{
#if TYPED
	struct thread *thread = this_thread(cpu, 0);

	if (thread)
		thread->ready_ns = 0;
#endif
}

/* The thread that enters the call; NULL where nobody counts it. */
static __always_inline struct thread *handle_sys_enter(struct cpu *cpu, __u64 number)
{
	struct account *account = &cpu->accounts[PROGRAM_SYS_ENTER];
	struct thread *thread;
	__u32 tgid = current_tgid();

	account->seen++;
	if (!is_target(tgid)) {
		account->filtered++;
		if (tgid == client_tgid && sends(number))
			begin_client_send(cpu);
		return NULL;
	}
	thread = this_thread(cpu, CREATE);
	if (!thread) {
		account->lost++;
		return NULL;
	}
	thread->blocked_at_enter_ns = thread->blocked_ns;
	thread->upstream_at_enter_ns = thread->upstream_ns;
	thread->run_queue_at_enter_ns = thread->run_queue_ns;
	thread->number = number;
	thread->enter_ns = bpf_ktime_get_ns();
	account->emitted++;
	return thread;
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

/*
 * What a thread slept in the call that it returns from. It has a request in hand
 * from the receive that took it until the first send of an answer.
 */
static __always_inline void count_sleep(struct call_table *call, struct thread *thread,
					__u64 off)
{
	call->off_cpu_ns += off;
	if (thread->took_ns <= thread->done_ns)
		call->idle_ns += off;
	else
		call->asleep_ns += thread->blocked_ns - thread->blocked_at_enter_ns -
				   thread->upstream_ns + thread->upstream_at_enter_ns;
}

static __always_inline void count_duration(struct call_table *call, __u64 ns)
{
	__u32 bucket = bucket_of(ns);

	if (bucket < BUCKETS)
		call->duration[bucket]++;
}

static __always_inline void count_error(struct call_table *call, __s64 ret)
{
	__u32 error = -ret < ERRNOS - 1 ? -ret : ERRNOS - 1;

	if (error < ERRNOS)
		call->errors[error]++;
}

/*
 * A call counts where it returns. One that was entered before the probes came
 * on counts too, without a duration.
 */
static __always_inline void handle_sys_exit(struct cpu *cpu, __u32 number, __s64 ret)
{
	struct account *account = &cpu->accounts[PROGRAM_SYS_EXIT];
	struct call_table *call;
	struct thread *thread;
	__u64 ns = 0, off = 0, now;

	account->seen++;
	if (!is_target(current_tgid())) {
		account->filtered++;
		return;
	}
	thread = this_thread(cpu, CREATE);
	if (!thread) {
		account->lost++;
		return;
	}
	if (thread->enter_ns) {
		now = bpf_ktime_get_ns();
		end_pending(thread, now);
		ns = now - thread->enter_ns;
		off = off_in_call(thread);
		/* rt_sigreturn has overwritten the registers by now. */
		number = thread->number;
		thread->enter_ns = 0;
		thread->kernel_ns += ns - off;
	}
	if (growth && grows(number))
		handle_growth(number, ret);
	/* No such call: a return from a signal that came before us. */
	call = counting ? bpf_map_lookup_elem(&calls, &number) : NULL;
	if (!call) {
		account->filtered++;
		return;
	}
	account->emitted++;
	count_for_thread(cpu, thread, number, ns, ret);
	if (ns)
		count_duration(call, ns);
	if (off)
		count_sleep(call, thread, off);
	if (ret < 0)
		count_error(call, ret);
}

#endif
