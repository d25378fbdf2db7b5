/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The probes: thin bodies, one a hook. Where the socket's hooks hang depends on
 * the rung of the ladder, see kernel.h; each of the headers hook_*.h holds one
 * rung's, under the same names.
 */
#include "socket.h"
#include "syscall.h"
#include "sched.h"
#include "offcpu.h"
#include "callpath.h"
#if RUNG == RUNG_TP_BTF
#include "hook_tracepoint.h"
#elif RUNG == RUNG_TRACEPOINT
#include "hook_perf.h"
#elif RUNG == RUNG_FENTRY
#include "hook_fentry.h"
#elif RUNG == RUNG_KPROBE
#include "hook_kprobe.h"
#else
#include "descriptor.h" /* sys_enter and sys_exit are all it takes */
#endif

/* For the bindings that bpf2go makes. */
const struct record *unused_record __attribute__((unused));
const struct sample *unused_sample __attribute__((unused));
const struct unwind_rule *unused_unwind_rule __attribute__((unused));
const struct unwind_row *unused_unwind_row __attribute__((unused));
const struct unwind_mapping *unused_unwind_mapping __attribute__((unused));
const struct unwind_process *unused_unwind_process __attribute__((unused));
const enum unwind_end *unused_unwind_end __attribute__((unused));
const enum unwind_cfa *unused_unwind_cfa __attribute__((unused));
const enum unwind_where *unused_unwind_where __attribute__((unused));
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

#if RUNG != RUNG_TRACEPOINT
TRACEPOINT(sys_enter)
int BPF_PROG(sys_enter, struct pt_regs *regs, long number)
{
	struct cpu *cpu = this_cpu();
	struct thread *thread;

	if (!cpu)
		return 0;
#if RUNG == RUNG_SYSCALL
	client_call_begins(regs, number);
#endif
	thread = handle_sys_enter(cpu, number);
	if (thread)
		handle_call_path(ctx, cpu, thread, number);
	return 0;
}

TRACEPOINT(sys_exit)
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	struct cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
#if RUNG != RUNG_TP_BTF
	call_ends(cpu, regs, ret);
#endif
	handle_sys_exit(cpu, CALL_NUMBER(regs), ret);
	return 0;
}
#endif

TRACEPOINT(sched_switch)
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

TRACEPOINT(sched_wakeup)
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_wakeup(cpu, task);
	return 0;
}

TRACEPOINT(sched_waking)
int BPF_PROG(sched_waking, struct task_struct *task)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_waking(cpu, task);
	return 0;
}

TRACEPOINT(sched_process_fork)
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
