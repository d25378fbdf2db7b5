/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is remembered of a connection that the target has accepted, between what
 * it receives and what it answers there: see watch.h.
 */
#ifndef IPCPROBE_FLOW_H
#define IPCPROBE_FLOW_H

#include "state.h"

enum flow_state {
	FLOW_UNKNOWN = 0, /* nothing was seen in this slice */
	FLOW_TAKING,	  /* the server has received since its last answer */
	FLOW_ANSWERED,
};

/* The parts of an exchange's time, in the order of results.Flow. */
enum flow_leg {
	FLOW_QUEUE_WAIT,
	FLOW_SERVICE,
	FLOW_USER,     /* of the service: on a CPU outside system calls */
	FLOW_KERNEL,   /* on a CPU inside them */
	FLOW_BLOCKED,  /* off the CPU, not runnable, not for upstream */
	FLOW_UPSTREAM, /* blocked until an answer came from upstream */
	FLOW_RUN_QUEUE,
	FLOW_LEGS,
};

/* Sums of a thread's clocks, as struct thread keeps them. */
struct clocks {
	__u64 kernel_ns;
	__u64 blocked_ns;
	__u64 upstream_ns;
	__u64 run_queue_ns;
};

/*
 * An accepted connection. Key: the server's end. Written and read by the probes
 * only; storage dies with its socket.
 */
struct flow {
	__u64 queued_ns;	 /* bytes were queued, the latest */
	__u64 taken_ns;		 /* the latest receive returned */
	__u64 sent_ns;		 /* the latest send began */
	struct clocks taken;	 /* of the thread, at taken_ns */
	__u64 leg_ns[FLOW_LEGS]; /* as the exchange was counted last */
	__u32 legs;		 /* bits of those that were counted */
	__u32 thread;		 /* that received */
	__u32 slice;		 /* of all above */
	__u32 sends;		 /* of the answer so far */
	__u8 state;
	__u8 emptied; /* the latest receive left nothing in the queue */
	__u8 waited;  /* leg_ns[FLOW_QUEUE_WAIT] is known */
	__u8 pieces;  /* the request came in several */
	__u8 doubts;  /* whether the connection alternates: see doubted */
	__u8 piped;   /* it does not, for good */
	__u8 streams; /* it has streamed an answer, for good */
	__u8 pad;
#if !TYPED
	__u64 peer; /* address of the client's end */
#endif
};

#if TYPED
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct flow);
} flows SEC(".maps");
#else
/* Key: address of the socket. When it is full, what was idle longest goes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct flow);
} flows SEC(".maps");
#endif

/*
 * The names of the target's listening sockets. A socket that is accepted shares
 * its listener's name, by address, so that bytes queued before the server's
 * first receive are known to be for it. Key: unix_sock.addr. Written at the
 * first receive from each listener. When it is full a connection becomes known
 * with its first receive, and its first queue wait is not.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u32);
} names SEC(".maps");

static __always_inline struct flow *renewed(struct flow *flow)
{
	if (flow && flow->slice != slice) {
		flow->slice = slice;
		flow->queued_ns = 0;
		flow->taken_ns = 0;
		flow->sent_ns = 0;
		flow->legs = 0;
		flow->sends = 0;
		flow->state = FLOW_UNKNOWN;
		flow->emptied = 0;
		flow->waited = 0;
		flow->pieces = 0;
	}
	return flow;
}

#if TYPED
static __always_inline struct flow *flow_of(struct sock *sk, __u64 flags)
{
	return renewed(bpf_sk_storage_get(&flows, sk, 0, flags));
}
#else
static const struct flow first_flow = {};

static __always_inline struct flow *flow_of(struct sock *sk, __u64 flags)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &sk);

	/* Another socket at its address has another peer. */
	if (flow && flow->peer != (__u64)unix_peer(sk) && unix_peer(sk)) {
		bpf_map_delete_elem(&flows, &sk);
		flow = NULL;
	}
	if (!flow && flags & CREATE) {
		bpf_map_update_elem(&flows, &sk, &first_flow, BPF_NOEXIST);
		flow = bpf_map_lookup_elem(&flows, &sk);
		if (flow)
			flow->peer = (__u64)unix_peer(sk);
	}
	return renewed(flow);
}
#endif

static __always_inline struct flow *new_flow(struct cpu *cpu, struct sock *sk)
{
	struct flow *flow = flow_of(sk, CREATE);

	if (flow)
		cpu->traffic.connections++;
	return flow;
}

static __always_inline __u32 queued_buffers(struct sock *sk)
{
	return FIELD(sk, sk_receive_queue.qlen);
}

/* Whether a Unix socket was accepted: it has its listener's name, and a peer. */
static __always_inline __u64 name_of_accepted(struct sock *sk)
{
	return unix_peer(sk) ? unix_name(sk) : 0;
}

#endif
