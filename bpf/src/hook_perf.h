/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The rung for kernels on which a program on a raw tracepoint can be preempted:
 * the tracepoints of the first, by way of perf events. On 7.3 a raw tracepoint
 * is entered with preemption enabled. The kernel then starts a program
 * on no CPU where a thread that was preempted is still inside it, and whatever
 * other threads do there meanwhile is lost. Perf's handlers keep preemption disabled
 * around a program, so that nobody comes between.
 *
 * What the event's record holds is all there is: a socket comes as an address,
 * and its fields are copied out. The record costs some time of its own.
 */
#ifndef IPCPROBE_HOOK_PERF_H
#define IPCPROBE_HOOK_PERF_H

#include "socket.h"
#include "syscall.h"
#include "callpath.h"

/* The records, as the kernel's types describe them. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct trace_event_raw_sys_enter {
	long id;
};

struct trace_event_raw_sys_exit {
	long id;
	long ret;
};

struct trace_event_raw_sk_data_ready {
	const void *skaddr;
};

struct trace_event_raw_sock_msg_length {
	void *sk;
	int ret;
	int flags;
};

#pragma clang attribute pop

SEC("tracepoint/raw_syscalls/sys_enter")
int sys_enter(struct trace_event_raw_sys_enter *record)
{
	struct cpu *cpu = this_cpu();
	struct thread *thread;

	if (!cpu)
		return 0;
	thread = handle_sys_enter(cpu, record->id);
	if (thread)
		handle_call_path(record, cpu, thread, record->id);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int sys_exit(struct trace_event_raw_sys_exit *record)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_sys_exit(cpu, record->id, record->ret);
	return 0;
}

SEC("tracepoint/sock/sk_data_ready")
int sk_data_ready(struct trace_event_raw_sk_data_ready *record)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_data_ready(cpu, (struct sock *)record->skaddr);
	return 0;
}

SEC("tracepoint/sock/sock_send_length")
int sock_send_length(struct trace_event_raw_sock_msg_length *record)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_send_length(cpu, record->sk, record->ret);
	return 0;
}

SEC("tracepoint/sock/sock_recv_length")
int sock_recv_length(struct trace_event_raw_sock_msg_length *record)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_recv_length(cpu, record->sk, record->ret, record->flags);
	return 0;
}

#endif
