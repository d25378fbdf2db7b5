/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The legs of one exchange, which are what the server receives between two of its
 * answers and the answer: timed and summed up, unless the connection does not
 * alternate or the answer is a stream. See watch.h.
 */
#ifndef IPCPROBE_EXCHANGE_H
#define IPCPROBE_EXCHANGE_H

#include "flow.h"
#include "syscall.h"

/* An answer of more sends than this is a stream, of which nothing can be timed. */
#define MOST_SENDS 64

/* What one exchange out of turn adds to a connection's doubts, and their limit. */
#define DOUBT	 16
#define DOUBTFUL 64

struct durations {
	__u64 count;
	__u64 total_ns;
	__u64 bucket[BUCKETS];
};

/*
 * Key: enum flow_leg. Written by the probes of each CPU, read by user space. An
 * exchange that turns out longer than it was counted is taken out again where it
 * ended last, so that a bucket of one CPU may be below 0; their sum is not.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FLOW_LEGS);
	__type(key, __u32);
	__type(value, struct durations);
} flow_legs SEC(".maps");

/* Adds a duration to a leg, or takes it out. */
static __always_inline void count_leg(__u32 leg, __u64 ns, __u64 by)
{
	struct durations *durations = bpf_map_lookup_elem(&flow_legs, &leg);
	__u32 bucket = bucket_of(ns);

	if (!durations || bucket >= BUCKETS)
		return;
	durations->count += by;
	durations->total_ns += ns * by;
	durations->bucket[bucket] += by;
}

static __always_inline void count_legs(struct flow *flow, __u64 by)
{
	for (__u32 leg = 0; leg < FLOW_LEGS; leg++)
		if (flow->legs & 1 << leg)
			count_leg(leg, flow->leg_ns[leg], by);
}

static __always_inline __u64 at_most(__u64 *left, __u64 ns)
{
	if (ns > *left)
		ns = *left;
	*left -= ns;
	return ns;
}

/*
 * The legs of an exchange whose answer's last send, so far, began at sent_ns.
 * The service time is split where one thread did all of it.
 */
static __always_inline void time_exchange(struct flow *flow, struct thread *thread)
{
	__u64 left = flow->sent_ns - flow->taken_ns, blocked, upstream;

	flow->leg_ns[FLOW_SERVICE] = left;
	flow->legs = 1 << FLOW_SERVICE;
	if (flow->waited)
		flow->legs |= 1 << FLOW_QUEUE_WAIT;
	if (flow->thread != (__u32)bpf_get_current_pid_tgid())
		return;
	upstream = thread->upstream_at_enter_ns - flow->taken.upstream_ns;
	blocked = thread->blocked_at_enter_ns - flow->taken.blocked_ns;
	flow->leg_ns[FLOW_UPSTREAM] = upstream = at_most(&left, upstream);
	flow->leg_ns[FLOW_BLOCKED] =
	    at_most(&left, blocked > upstream ? blocked - upstream : 0);
	flow->leg_ns[FLOW_RUN_QUEUE] =
	    at_most(&left, thread->run_queue_at_enter_ns - flow->taken.run_queue_ns);
	/* Of the receive itself only its end lies behind taken_ns. */
	flow->leg_ns[FLOW_KERNEL] =
	    at_most(&left, thread->kernel_ns > flow->taken.kernel_ns
			       ? thread->kernel_ns - flow->taken.kernel_ns
			       : 0);
	flow->leg_ns[FLOW_USER] = left;
	flow->legs |= 1 << FLOW_USER | 1 << FLOW_KERNEL | 1 << FLOW_BLOCKED |
		      1 << FLOW_UPSTREAM | 1 << FLOW_RUN_QUEUE;
}

/*
 * Whether bytes stand unread that were there before the server began to answer:
 * they are no reaction to the answer. What is in the queue as the send ends may
 * have come meanwhile, so the latest sk_data_ready decides, if it came after a
 * receive that had emptied the queue. That stamp can be late, so one such exchange
 * proves nothing: four that are close to one another do.
 */
static __always_inline int doubted(struct cpu *cpu, struct sock *sk, struct flow *flow,
				   __u64 begin)
{
	int unread = queued_buffers(sk) &&
		     (!flow->emptied ||
		      (flow->queued_ns > flow->taken_ns && flow->queued_ns < begin));

	if (!unread && flow->doubts)
		flow->doubts--;
	if (unread && !flow->piped) {
		flow->doubts += DOUBT;
		if (flow->doubts >= DOUBTFUL) {
			flow->piped = 1;
			cpu->traffic.piped_connections++;
		}
	}
	return unread || flow->piped;
}

/* The first send of an answer makes the exchange count. */
static __always_inline void count_answer(struct cpu *cpu, struct flow *flow,
					 struct thread *thread, int doubted)
{
	flow->sends = 1;
	flow->legs = 0;
	cpu->traffic.answers++;
	if (flow->pieces)
		cpu->traffic.pieces++;
	if (doubted) {
		cpu->traffic.piped++;
	} else if (!flow->sent_ns) {
		cpu->traffic.unclear++;
	} else {
		time_exchange(flow, thread);
		count_legs(flow, 1);
		cpu->traffic.timed++;
	}
}

/*
 * A further one makes it longer. If the server has slept since the one before, or
 * another thread goes on, nobody can tell whether this is the same answer still.
 */
static __always_inline void count_part(struct cpu *cpu, struct flow *flow,
				       struct thread *thread, int doubted, int paused)
{
	if (++flow->sends == 2)
		cpu->traffic.parts++;
	if (!flow->legs)
		return;
	count_legs(flow, -1);
	flow->legs = 0;
	if (doubted) {
		cpu->traffic.timed--;
		cpu->traffic.piped++;
	} else if (paused || flow->sends > MOST_SENDS) {
		cpu->traffic.timed--;
		cpu->traffic.streamed++;
		if (!flow->streams)
			cpu->traffic.streamed_connections++;
		flow->streams = 1;
	} else {
		time_exchange(flow, thread);
		count_legs(flow, 1);
	}
}

#endif
