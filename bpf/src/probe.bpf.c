/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The probes on tracepoints with kernel types (tp_btf): thin bodies, one a hook.
 */
#include "socket.h"
#include "syscall.h"
#include "sched.h"
#include "offcpu.h"
#include "callpath.h"

/* For the bindings that bpf2go makes. */
const struct record *unused_record __attribute__((unused));
const struct sample *unused_sample __attribute__((unused));
const struct absence *unused_absence __attribute__((unused));
const enum sample_kind *unused_sample_kind __attribute__((unused));
const struct account *unused_account __attribute__((unused));
const enum program *unused_program __attribute__((unused));
const struct call_table *unused_call_table __attribute__((unused));
const struct traffic *unused_traffic __attribute__((unused));
const enum flow_leg *unused_flow_leg __attribute__((unused));
const struct durations *unused_durations __attribute__((unused));
const struct thread_call *unused_thread_call __attribute__((unused));
const struct slot_owner *unused_slot_owner __attribute__((unused));

SEC("tp_btf/sk_data_ready")
int BPF_PROG(sk_data_ready, struct sock *sk)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_data_ready(cpu, sk);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_send_length(cpu, sk, ret);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_recv_length(cpu, sk, ret, flags);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long number)
{
	struct cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	handle_sys_enter(cpu, number);
	handle_call_path(ctx, cpu, number);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_sys_exit(cpu, CALL_NUMBER(regs), ret);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, _Bool preempt, struct task_struct *prev,
	     struct task_struct *next)
{
	struct cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	handle_switch(cpu, preempt, prev, next);
	handle_off_cpu(ctx, cpu, prev, next);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_wakeup(cpu, task);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(sched_waking, struct task_struct *task)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_waking(cpu, task);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_fork, struct task_struct *parent, struct task_struct *child)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_fork(cpu, parent, child);
	return 0;
}

SEC("perf_event")
int cpu_sample(void *ctx)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_sample(cpu, ctx);
	return 0;
}

char dual_license[] SEC("license") = "Dual BSD/GPL";
