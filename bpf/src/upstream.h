/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Upstream: connections that the target opened itself, and what it waits for on
 * them. A wait for upstream is blocked time that an answer from there ended.
 */
#ifndef IPCPROBE_UPSTREAM_H
#define IPCPROBE_UPSTREAM_H

#include "state.h"

static __always_inline int is_unix(struct sock *sk)
{
	return FIELD(sk, __sk_common.skc_family) == AF_UNIX;
}

/*
 * The process at the other end of a Unix socket: of one that was accepted who
 * connected, of one that connected who listened, of a pair who made it.
 */
static __always_inline __u32 peer_process(struct sock *sk)
{
	struct pid *pid = FIELD(sk, sk_peer_pid);

	return pid ? FIELD(pid, numbers[0].nr) : 0;
}

/* Whose a socket of the target is. */
enum owner {
	OWNER_LOAD,	/* a connection of the load generator's */
	OWNER_UPSTREAM, /* a connection that the target opened */
	OWNER_OTHER,	/* another client's */
	OWNER_UNKNOWN,	/* there was no memory to remember it */
};

/*
 * An accepted Unix socket has its listener's name, one that connects has none. Nor has
 * a pair, with which a server talks to itself.
 */
static __always_inline enum owner owner_of_nameless(struct sock *sk)
{
	return is_target(peer_process(sk)) ? OWNER_OTHER : OWNER_UPSTREAM;
}

/* A TCP connection was accepted if its local port is one that is listened on. */
static __always_inline enum owner owner_of_inet(struct sock *sk)
{
	__u16 family = FIELD(sk, __sk_common.skc_family);
	__u16 port = FIELD(sk, __sk_common.skc_num);

	if (family != AF_INET && family != AF_INET6)
		return OWNER_OTHER;
	for (int i = 0; i < PORTS; i++)
		if (listening[i] == port)
			return OWNER_OTHER;
	return OWNER_UPSTREAM;
}

/*
 * Whether an answer is outstanding on a connection that the target opened. Key:
 * socket. Written and read by the probes only; without memory for it a round
 * trip goes uncounted.
 */
#if TYPED
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u8);
} asked SEC(".maps");

static __always_inline __u8 *asked_on(struct sock *sk, __u64 flags)
{
	return bpf_sk_storage_get(&asked, sk, 0, flags);
}
#else
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u8);
} asked SEC(".maps");

static __always_inline __u8 *asked_on(struct sock *sk, __u64 flags)
{
	__u8 *outstanding = bpf_map_lookup_elem(&asked, &sk), no = 0;

	if (!outstanding && flags & CREATE) {
		bpf_map_update_elem(&asked, &sk, &no, BPF_NOEXIST);
		outstanding = bpf_map_lookup_elem(&asked, &sk);
	}
	return outstanding;
}
#endif

static __always_inline void handle_upstream_send(struct cpu *cpu, struct sock *sk,
						 int bytes)
{
	__u8 *outstanding = asked_on(sk, CREATE);
	struct thread *thread = this_thread(cpu, 0);

	if (outstanding)
		*outstanding = 1;

	if (thread) {
		thread->settled_ns = thread->blocked_ns;
		thread->asked = 1;
	}
	if (counting) {
		cpu->upstream.sends++;
		cpu->upstream.bytes_out += bytes;
	}
}

/* The thread has its answer: it was blocked for it since it asked. */
static __always_inline void handle_upstream_recv(struct cpu *cpu, struct sock *sk,
						 int bytes)
{
	__u8 *outstanding = asked_on(sk, 0);
	struct thread *thread = this_thread(cpu, 0);
	__u8 answer = outstanding && *outstanding;

	if (answer)
		*outstanding = 0;

	if (thread) {
		if (thread->blocked_ns != thread->settled_ns)
			thread->slept_in = SLEPT_UPSTREAM;
		thread->upstream_ns += thread->blocked_ns - thread->settled_ns;
		thread->settled_ns = thread->blocked_ns;
		thread->heard = 1;
	}
	upstream_read_ns = bpf_ktime_get_ns();
	if (counting) {
		cpu->upstream.receives++;
		cpu->upstream.bytes_in += bytes;
		cpu->upstream.round_trips += answer;
	}
}

#endif
