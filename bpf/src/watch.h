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

#include "syscall.h"
#include "upstream.h"

/* Whether the traffic of any client is watched. Set before the object is loaded. */
const volatile __u32 watching = 0;

/*
 * Whether only the target's answers are counted and nothing else is done: all
 * that runs between two probed slices. Set by user space before it attaches.
 */
__u32 lean = 0;

/* An answer of more sends than this is a stream, of which nothing can be timed. */
#define MOST_SENDS 64

/* What one exchange out of turn adds to a connection's doubts, and their limit. */
#define DOUBT	 16
#define DOUBTFUL 64

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
		return OWNER_UPSTREAM;
	bpf_map_update_elem(&names, &name, &known, BPF_NOEXIST);
	*flow = new_flow(cpu, sk);
	return *flow ? OWNER_LOAD : OWNER_UNKNOWN;
}

/*
 * When the last of the bytes that were just received had been queued. They can be
 * taken an instant before sk_data_ready says so: then it has said nothing since
 * the server's last answer, or last receive, and there was no wait.
 */
static __always_inline void tell_wait(struct flow *flow, __u64 now)
{
	__u64 since = flow->state == FLOW_ANSWERED ? flow->sent_ns : flow->taken_ns;

	flow->waited = 0;
	if (RUNG == RUNG_SYSCALL) /* not seen: when they were queued */
		return;
	if (flow->queued_ns > since || (flow->queued_ns && !flow->emptied)) {
		flow->leg_ns[FLOW_QUEUE_WAIT] = now - flow->queued_ns;
		flow->waited = 1;
	} else if (since && flow->queued_ns) {
		flow->leg_ns[FLOW_QUEUE_WAIT] = 0;
		flow->waited = 1;
	}
}

static __always_inline void watch_recv(struct cpu *cpu, struct account *account,
				       struct sock *sk, struct flow *flow, int bytes)
{
	struct thread *thread = this_thread(CREATE);
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
	tell_wait(flow, now);
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

static __always_inline void watch_send(struct cpu *cpu, struct account *account,
				       struct sock *sk, struct flow *flow, int bytes)
{
	struct thread *thread = this_thread(0);
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
