/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Off the CPU, in two sums: blocked, from sched_switch away until the thread is
 * made runnable, and queued (run-queue delay), from there until it runs.
 */
#ifndef IPCPROBE_SCHED_H
#define IPCPROBE_SCHED_H

#include "state.h"

static __always_inline void leave_cpu(struct task_struct *task, int runnable, __u64 now)
{
	struct thread *thread = thread_of(task, 0);

	if (!thread)
		return;
	thread->off_ns = now;
	thread->runnable_ns = runnable ? now : 0;
}

static __always_inline void enter_cpu(struct task_struct *task, __u64 now)
{
	struct thread *thread = thread_of(task, 0);
	__u64 runnable;

	if (!thread || !thread->off_ns)
		return;
	/* A wake-up that was not seen leaves the whole time blocked. */
	runnable = thread->runnable_ns ? thread->runnable_ns : now;
	thread->blocked_ns += runnable - thread->off_ns;
	thread->queued_ns += now - runnable;
	thread->off_ns = 0;
}

static __always_inline void handle_switch(struct cpu *cpu, int preempt,
					  struct task_struct *prev,
					  struct task_struct *next)
{
	struct account *account = &cpu->accounts[PROGRAM_SCHED_SWITCH];
	int leaves = prev->tgid == target_tgid, enters = next->tgid == target_tgid;
	__u64 now;

	account->seen++;
	if (!leaves && !enters) {
		account->filtered++;
		return;
	}
	now = bpf_ktime_get_ns();
	if (leaves)
		leave_cpu(prev, preempt || prev->__state == TASK_RUNNING, now);
	if (enters)
		enter_cpu(next, now);
	account->emitted++;
}

static __always_inline void handle_wakeup(struct cpu *cpu, struct task_struct *task)
{
	struct account *account = &cpu->accounts[PROGRAM_SCHED_WAKEUP];
	struct thread *thread;

	account->seen++;
	if (task->tgid != target_tgid) {
		account->filtered++;
		return;
	}
	account->emitted++;
	thread = thread_of(task, 0);
	if (thread && thread->off_ns && !thread->runnable_ns)
		thread->runnable_ns = bpf_ktime_get_ns();
}

#endif
