/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The second rung: trampolines on the functions that the tracepoints of the first
 * stand around. sk_data_ready was put into sock_def_readable, the lengths behind
 * the protocol's sendmsg and recvmsg: the same moments, but for a few
 * instructions. fentry and fexit came with 5.5 (fec56f5890d9). What other
 * families send and read is seen as the system call ends: see descriptor.h.
 */
#ifndef IPCPROBE_HOOK_FENTRY_H
#define IPCPROBE_HOOK_FENTRY_H

#include "descriptor.h"

SEC("fentry/sock_def_readable")
int BPF_PROG(sk_data_ready, struct sock *sk)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_data_ready(cpu, sk);
	return 0;
}

SEC("fexit/unix_stream_sendmsg")
int BPF_PROG(sock_send_length, struct socket *socket, void *message, __u64 length,
	     int ret)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_send_length(cpu, FIELD(socket, sk), ret);
	transferred();
	return 0;
}

SEC("fexit/unix_stream_recvmsg")
int BPF_PROG(sock_recv_length, struct socket *socket, void *message, __u64 length,
	     int flags, int ret)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_recv_length(cpu, FIELD(socket, sk), ret, flags);
	transferred();
	return 0;
}

#endif
