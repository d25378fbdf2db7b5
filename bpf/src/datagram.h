/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Datagrams: the server has one socket for all its clients, so the socket does not
 * say whose a message is. What does:
 *
 *   taken     consume_skb, in the server's receive: the message that it frees is
 *             still charged to the sender's socket
 *   answered  sk_data_ready in the server's send: the receiver's socket
 *
 * Both come before the call's own tracepoint and leave the client with the thread.
 * Only on the first rung, and only where the target's socket is one of datagrams.
 */
#ifndef IPCPROBE_DATAGRAM_H
#define IPCPROBE_DATAGRAM_H

#include "tape.h"

#if TYPED

/* Whether the target is a server of datagrams. Set before the object is loaded. */
const volatile __u32 datagrams = 0;

/*
 * How many bytes the server has answered to a client. Key: the cookie of the
 * client's socket. Written and read by the probes only. When it is full an answer
 * is lost and counted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u64);
} datagram_answers SEC(".maps");

static __always_inline int is_datagram(struct sock *sk)
{
	return datagrams && sk->__sk_common.skc_family == AF_UNIX &&
	       sk->sk_type == SOCK_DGRAM;
}

/* A message is freed: by a receive of the target's, it is one that was taken. */
static __always_inline void handle_consumed(struct cpu *cpu, struct sk_buff *skb)
{
	struct account *account = &cpu->accounts[PROGRAM_CONSUME_SKB];
	struct sock *sender;
	struct thread *thread;
	struct end *end;

	account->seen++;
	sender = is_target(current_tgid()) ? skb->sk : NULL;
	if (!sender || !is_datagram(sender)) {
		account->filtered++;
		return;
	}
	end = end_of(sender, 0);
	if (!end) {
		account->filtered++;
		return;
	}
	thread = this_thread(cpu, CREATE);
	if (!thread) {
		account->lost++;
		return;
	}
	thread->from_cookie = end->cookie;
	thread->from_bytes = skb->len;
	thread->from_position = FETCH_ADD(&end->in, skb->len) + skb->len;
	account->emitted++;
}

/* The server sends to this client: the send call's end says how much. */
static __always_inline void handle_answered(struct cpu *cpu, struct account *account,
					    struct sock *sk)
{
	struct thread *thread = this_thread(cpu, CREATE);
	struct end *end = end_of(sk, 0);

	if (!thread) {
		account->lost++;
		return;
	}
	thread->to_cookie = end ? end->cookie : 0;
	account->emitted++;
}

/* Where the answers to a client stand after this one; 0: there was no room. */
static __always_inline __u64 answered_to(__u64 cookie, int bytes)
{
	__u64 *sum = bpf_map_lookup_elem(&datagram_answers, &cookie), none = 0;

	if (!sum) {
		bpf_map_update_elem(&datagram_answers, &cookie, &none, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(&datagram_answers, &cookie);
	}
	return sum ? FETCH_ADD(sum, bytes) + bytes : 0;
}

#endif

#endif
