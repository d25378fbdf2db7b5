/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Traffic that is not ours: service time and queue wait of a server's accepted
 * connections, without a client that tells where requests begin and end.
 *
 *   queue wait    sk_data_ready on the server's socket, the last before the
 *                 receive, until sock_recv_length: the receive returns
 *   service time  from there, the last receive before the answer, until the
 *                 entry of the send call that carries the answer's last byte
 *
 * An exchange is what the server receives between two of its answers, and the
 * answer. On a connection that strictly alternates that is one request. Bytes
 * that stand unread in the queue as the server begins to answer show that it
 * does not alternate: from then on its exchanges are counted and not timed.
 *
 * Everything is summed up here, in memory that does not grow with time: a record
 * for each request would have to be read while the server works.
 */
#ifndef IPCPROBE_WATCH_H
#define IPCPROBE_WATCH_H

#include "exchange.h"
#include "upstream.h"

/* Whether the traffic of any client is watched. Set before the object is loaded. */
const volatile __u32 watching = 0;

/*
 * Whether only the target's answers are counted and nothing else is done: all
 * that runs between two probed slices. Set by user space before it attaches.
 */
__u32 lean = 0;

/* Bytes for the target, or for anybody else. */
static __always_inline void watch_data_ready(struct cpu *cpu, struct account *account,
					     struct sock *sk)
{
	struct flow *flow;
	__u64 name;

	/* What the target sends is timed where it is sent. */
	if (is_target(current_tgid()) || !is_unix(sk)) {
		account->filtered++;
		return;
	}
	flow = flow_of(sk, 0);
	if (!flow) {
		name = name_of_accepted(sk);
		if (!name || !bpf_map_lookup_elem(&names, &name)) {
			account->filtered++;
			return;
		}
		flow = new_flow(cpu, sk);
		if (!flow) {
			account->lost++;
			return;
		}
	}
	flow->queued_ns = bpf_ktime_get_ns();
	account->emitted++;
}

/* The owner of a socket of the target's, and its flow if it was accepted. */
static __always_inline enum owner watched(struct cpu *cpu, struct sock *sk,
					  struct flow **flow)
{
	__u32 known = 1;
	__u64 name;

	*flow = NULL;
	if (!is_unix(sk))
		return owner_of_inet(sk);
	*flow = flow_of(sk, 0);
	if (*flow)
		return OWNER_LOAD;
	if (!unix_peer(sk))
		return OWNER_OTHER;
	name = unix_name(sk);
	if (!name)
		return owner_of_nameless(sk);
	bpf_map_update_elem(&names, &name, &known, BPF_NOEXIST);
	*flow = new_flow(cpu, sk);
	return *flow ? OWNER_LOAD : OWNER_UNKNOWN;
}

/*
 * Whether sk_data_ready has yet to tell of bytes that were just received, of which it
 * has told nothing ever: they came behind an answer and found the queue empty. Where
 * the target is its own client nothing is told.
 */
static __always_inline int untold(struct flow *flow, struct sock *sk)
{
	return flow->state == FLOW_ANSWERED && flow->emptied &&
	       !is_target(peer_process(sk));
}

/*
 * When the last of the bytes that were just received had been queued. They can be
 * taken an instant before sk_data_ready says so: then it has said nothing since
 * the server's last answer, or last receive, and there was no wait.
 */
static __always_inline void tell_wait(struct flow *flow, struct sock *sk, __u64 now)
{
	__u64 since = flow->state == FLOW_ANSWERED ? flow->sent_ns : flow->taken_ns;
	__u64 queued = *(volatile __u64 *)&flow->queued_ns; /* another CPU may write it */

	flow->waited = 0;
	if (RUNG == RUNG_SYSCALL) /* not seen: when they were queued */
		return;
	if (queued > since || (queued && !flow->emptied)) {
		flow->leg_ns[FLOW_QUEUE_WAIT] = now > queued ? now - queued : 0;
		flow->waited = 1;
	} else if (since && (queued || untold(flow, sk))) {
		flow->leg_ns[FLOW_QUEUE_WAIT] = 0;
		flow->waited = 1;
	}
}

static __always_inline void watch_recv(struct cpu *cpu, struct account *account,
				       struct sock *sk, struct flow *flow, int bytes)
{
	struct thread *thread = this_thread(cpu, CREATE);
	__u64 now = bpf_ktime_get_ns();

	if (!thread) {
		account->lost++;
		return;
	}
	account->emitted++;
	if (counting) {
		cpu->traffic.receives++;
		cpu->traffic.bytes_in += bytes;
	}
	tell_wait(flow, sk, now);
	flow->pieces = flow->state == FLOW_TAKING && (flow->pieces || flow->emptied);
	flow->state = FLOW_TAKING;
	flow->emptied = queued_buffers(sk) == 0;
	flow->taken_ns = now;
	flow->thread = bpf_get_current_pid_tgid();
	flow->taken.kernel_ns = kernel_clock(thread, now);
	flow->taken.blocked_ns = thread->blocked_ns;
	flow->taken.upstream_ns = thread->upstream_ns;
	flow->taken.run_queue_ns = thread->run_queue_ns;
	/* What it waited for until now was work, not upstream. */
	thread->settled_ns = thread->blocked_ns;
	thread->asked = 0;
	thread->took_ns = now;
}

static __always_inline void watch_send(struct cpu *cpu, struct account *account,
				       struct sock *sk, struct flow *flow, int bytes)
{
	struct thread *thread = this_thread(cpu, CREATE);
	int first = flow->state == FLOW_TAKING, doubt, paused;
	__u64 begin;

	if (!thread) {
		account->lost++;
		return;
	}
	account->emitted++;
	if (counting) {
		cpu->traffic.sends++;
		cpu->traffic.bytes_out += bytes;
	}
	if (flow->state == FLOW_UNKNOWN) {
		if (counting)
			cpu->traffic.pushes++; /* nobody was seen to ask for it */
		return;
	}
	begin = thread->enter_ns;
	thread->done_ns = begin ? begin : thread->took_ns; /* it has no request in hand */
	if (begin < flow->taken_ns)
		begin = 0; /* not of this answer: another thread was in it already */
	doubt = doubted(cpu, sk, flow, begin);
	paused = !begin || thread->slept_ns > flow->sent_ns ||
		 flow->thread != (__u32)bpf_get_current_pid_tgid();
	flow->state = FLOW_ANSWERED;
	flow->sent_ns = begin;
	if (!counting) {
		flow->legs = 0;
		flow->sends = 1;
	} else if (first) {
		count_answer(cpu, flow, thread, doubt);
	} else {
		count_part(cpu, flow, thread, doubt, paused);
	}
}

/* All that is done while lean: what the target sends on accepted connections. */
static __always_inline void count_send(struct cpu *cpu, struct account *account,
				       struct sock *sk)
{
	if (is_unix(sk) && name_of_accepted(sk)) {
		account->emitted++;
		cpu->traffic.lean_sends++;
	} else {
		account->filtered++;
	}
}

/* Bytes that the target has sent or received, where sends is a constant. */
static __always_inline void watch_target(struct cpu *cpu, struct account *account,
					 struct sock *sk, int bytes, int sends)
{
	struct flow *flow;

	if (lean) {
		if (sends)
			count_send(cpu, account, sk);
		else
			account->filtered++;
		return;
	}
	switch (watched(cpu, sk, &flow)) {
	case OWNER_LOAD:
		if (sends)
			watch_send(cpu, account, sk, flow, bytes);
		else
			watch_recv(cpu, account, sk, flow, bytes);
		break;
	case OWNER_UPSTREAM:
		account->emitted++;
		if (sends)
			handle_upstream_send(cpu, sk, bytes);
		else
			handle_upstream_recv(cpu, sk, bytes);
		break;
	case OWNER_OTHER:
		account->filtered++;
		break;
	default:
		account->lost++;
	}
}

#endif
