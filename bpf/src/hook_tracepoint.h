/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The first rung: the socket's own tracepoints. Once for each operation on a
 * socket of any family, by whatever system call or io_uring request.
 * sk_data_ready came with 6.3 (40e0b0908142), the lengths too (6e6eda44b939).
 */
#ifndef IPCPROBE_HOOK_TRACEPOINT_H
#define IPCPROBE_HOOK_TRACEPOINT_H

#include "socket.h"

TRACEPOINT(sk_data_ready)
int BPF_PROG(sk_data_ready, struct sock *sk)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_data_ready(cpu, sk);
	return 0;
}

TRACEPOINT(sock_send_length)
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_send_length(cpu, sk, ret);
	return 0;
}

TRACEPOINT(sock_recv_length)
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_recv_length(cpu, sk, ret, flags);
	return 0;
}

/* Attached only to a server of datagrams: packets are freed all the time. */
TRACEPOINT(consume_skb)
int BPF_PROG(consume_skb, struct sk_buff *skb)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_consumed(cpu, skb);
	return 0;
}

#endif
