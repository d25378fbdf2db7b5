/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Off-CPU stacks: the stack with which a thread of the target leaves its CPU
 * (sched_switch away), and for how long (sched_switch back). Of all times that a
 * thread leaves, one in 2^off_cpu_shift is followed: a walk of the stack costs
 * more than the switch.
 */
#ifndef IPCPROBE_OFFCPU_H
#define IPCPROBE_OFFCPU_H

#include "sample.h"
#include "sched.h"

/* Set by user space, as call_shift is. OFF_CPU_NONE: none is followed. */
__u32 off_cpu_shift = 0;
#define OFF_CPU_NONE 32

/* After handle_switch: the thread's state tells when and in what it left. */
static __always_inline void off_cpu_leaves(void *ctx, struct cpu *cpu,
					   struct task_struct *prev)
{
	struct account *account = &cpu->accounts[PROGRAM_OFF_CPU_STACK];
	struct thread *thread;

	account->seen++;
	thread = thread_of(prev, 0);
	if (!(counting | rehearsing) || off_cpu_shift >= OFF_CPU_NONE || !thread ||
	    !thread->off_ns || !drawn(off_cpu_shift)) {
		account->filtered++;
		return;
	}
	thread->followed_ns = thread->off_ns;
	take_sample(account, ctx, thread->off_ns, SAMPLE_OFF, thread->off_in,
		    1u << off_cpu_shift);
}

static __always_inline void off_cpu_returns(struct cpu *cpu, struct task_struct *next)
{
	struct account *account = &cpu->accounts[PROGRAM_OFF_CPU_STACK];
	struct thread *thread = thread_of(next, 0);
	struct absence *absence;

	if (!thread || !thread->followed_ns)
		return;
	account->seen++;
	absence = bpf_ringbuf_reserve(&samples, sizeof(*absence), 0);
	if (!absence) {
		thread->followed_ns = 0;
		account->lost++;
		return;
	}
	absence->off_ns = thread->followed_ns;
	absence->woken_ns = thread->followed_ns;
	absence->ran_ns = bpf_ktime_get_ns();
	absence->thread = FIELD(next, pid);
	absence->slept_in = SLEPT_OUTSIDE;
	/* It slept; else it was runnable all along, and only lost its CPU. */
	if (thread->slept_ns == thread->followed_ns) {
		absence->woken_ns = thread->woken_ns;
		absence->slept_in = thread->slept_in;
	}
	thread->followed_ns = 0;
	bpf_ringbuf_submit(absence, BPF_RB_NO_WAKEUP);
	account->emitted++;
}

static __always_inline void handle_off_cpu(void *ctx, struct cpu *cpu,
					   struct task_struct *prev,
					   struct task_struct *next)
{
	if (is_target(FIELD(prev, tgid)))
		off_cpu_leaves(ctx, cpu, prev);
	if (is_target(FIELD(next, tgid)))
		off_cpu_returns(cpu, next);
}

#endif
