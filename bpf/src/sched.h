/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Off the CPU, in two sums: blocked, from sched_switch away until the thread is
 * made runnable, and run-queue delay, from there until it runs. Blocked time is
 * upstream wait where an answer from upstream ended it.
 */
#ifndef IPCPROBE_SCHED_H
#define IPCPROBE_SCHED_H

#include "state.h"
#include "transfer.h"

/* The thread that runs. */
static __always_inline void leave_cpu(struct cpu *cpu, int runnable, __u64 now)
{
	struct thread *thread = this_thread(cpu, 0);

	if (!thread)
		return;
	thread->off_ns = now;
	thread->off_in = thread->enter_ns ? thread->number : SLEPT_OUTSIDE;
	thread->runnable_ns = runnable ? now : 0;
	thread->heard = 0;
	thread->answered_by = 0;
	thread->woken_by_own = 0;
	store_thread(cpu);
	cpu->running = NOBODY;
}

/*
 * Whether an answer from upstream ended the sleep. The thread was woken by one
 * that had read it, or had been woken so itself; or it had asked, and meanwhile
 * the answer was read by a thread that was awake to pass it on.
 */
static __always_inline int ended_by_upstream(struct thread *thread)
{
	return thread->answered_by || (thread->asked && thread->woken_by_own &&
				       upstream_read_ns > thread->off_ns);
}

static __always_inline void enter_cpu(struct cpu *cpu, struct task_struct *task,
				      __u64 now)
{
	struct thread *thread = thread_of(task, 0);
	__u64 runnable, blocked;

	cpu->running = NOBODY; /* what it left here, unseen, is old */
	if (!thread || !thread->off_ns)
		return;
	/* A wake-up that was not seen leaves the whole time blocked. */
	runnable = thread->runnable_ns ? thread->runnable_ns : now;
	blocked = runnable - thread->off_ns;
	thread->blocked_ns += blocked;
	thread->run_queue_ns += now - runnable;
	if (ended_by_upstream(thread)) {
		thread->upstream_ns += blocked;
		thread->settled_ns = thread->blocked_ns;
		thread->heard = 1; /* and may pass it on to the next */
	}
	if (blocked) {
		thread->slept_ns = thread->off_ns;
		thread->slept_in =
		    ended_by_upstream(thread) ? SLEPT_UPSTREAM : thread->off_in;
		thread->woken_ns = runnable;
		thread->ran_ns = now;
		thread->rested = 1;
	}
	thread->off_ns = 0;
}

static __always_inline int followed(__u32 tgid)
{
	return tgid == client_tgid || is_target(tgid);
}

static __always_inline void handle_switch(struct cpu *cpu, int preempt,
					  struct task_struct *prev,
					  struct task_struct *next)
{
	struct account *account = &cpu->accounts[PROGRAM_SCHED_SWITCH];
	int leaves = followed(FIELD(prev, tgid)), enters = followed(FIELD(next, tgid));
	__u64 now;

	account->seen++;
	if (!leaves && !enters) {
		account->filtered++;
		return;
	}
	now = bpf_ktime_get_ns();
	if (leaves)
		leave_cpu(cpu, preempt || task_runs(prev), now);
	if (enters)
		enter_cpu(cpu, next, now);
	account->emitted++;
}

static __always_inline void handle_wakeup(struct cpu *cpu, struct task_struct *task)
{
	struct account *account = &cpu->accounts[PROGRAM_SCHED_WAKEUP];
	struct thread *thread;

	account->seen++;
	if (!followed(FIELD(task, tgid))) {
		account->filtered++;
		return;
	}
	account->emitted++;
	thread = thread_of(task, 0);
	if (!thread || !thread->off_ns || thread->runnable_ns)
		return;
	thread->runnable_ns = bpf_ktime_get_ns();
}

/*
 * Whether the current thread is in a call that sends. A timer or a packet that wakes
 * somebody can come upon any thread, whatever it does.
 */
static __always_inline int in_send(void)
{
#if TYPED
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	return sends(CALL_NUMBER(regs));
#else
	return 0; /* they have it from sk_data_ready */
#endif
}

/*
 * Who wakes the thread: sched_wakeup may run on the woken thread's CPU, this
 * runs in the waker. A library's own thread reads the answer from upstream and
 * wakes the one that waits for it, or one that does so in turn. The client wakes
 * the server in its sends: when, is when their bytes were queued.
 */
static __always_inline void handle_waking(struct cpu *cpu, struct task_struct *task)
{
	struct account *account = &cpu->accounts[PROGRAM_SCHED_WAKING];
	struct thread *thread, *waker;
	__u32 tgid = current_tgid();

	account->seen++;
	if (!is_target(FIELD(task, tgid)) || (tgid != client_tgid && !is_target(tgid))) {
		account->filtered++;
		return;
	}
	account->emitted++;
	waker = this_thread(cpu, 0);
	if (tgid == client_tgid) {
		if (waker && in_send())
			waker->ready_ns = bpf_ktime_get_ns();
		return;
	}
	thread = thread_of(task, 0);
	if (!thread || !thread->off_ns)
		return;
	thread->woken_by_own = 1;
	if (waker && waker->heard)
		thread->answered_by = 1;
}

/*
 * A new process of the target's, or of a child of it; a new thread is no news.
 * Attached only where children are followed.
 */
static __always_inline void handle_fork(struct cpu *cpu, struct task_struct *parent,
					struct task_struct *child)
{
	struct account *account = &cpu->accounts[PROGRAM_SCHED_FORK];
	__u32 tgid = FIELD(child, tgid);
	__u8 nothing = 0;

	account->seen++;
	if (FIELD(child, pid) != tgid || !is_target(FIELD(parent, tgid)))
		account->filtered++;
	else if (bpf_map_update_elem(&family, &tgid, &nothing, BPF_ANY))
		account->lost++;
	else
		account->emitted++;
}

#endif
