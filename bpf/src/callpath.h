/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Call paths: the user stack with which a thread of the target enters a system
 * call, of one call in 2^call_shift.
 */
#ifndef IPCPROBE_CALLPATH_H
#define IPCPROBE_CALLPATH_H

#include "sample.h"

/*
 * Set by user space before the probes attach, and raised in a slice that has more
 * calls than were expected. CALL_NONE: no stack is taken.
 */
__u32 call_shift = 0;
#define CALL_NONE 32

/*
 * How many calls until the next one: 2^call_shift on the average, drawn, because
 * what a server does repeats itself. Drawn once for each that is taken, and not at
 * every call: that alone would cost as much as the rest of this program.
 */
static __always_inline __u32 draw_gap(__u32 shift)
{
	__u32 gap = bpf_get_prandom_u32() & ((2u << shift) - 1);

	return gap ? gap : 1u << shift;
}

/* After handle_sys_enter. Calls that are passed over are counted with the next. */
static __always_inline void handle_call_path(void *ctx, struct cpu *cpu,
					     struct thread *thread, __u64 number)
{
	struct account *account = &cpu->accounts[PROGRAM_CALL_STACK];
	__u32 gap, shift;

	if (call_shift >= CALL_NONE)
		return;
	if (thread->calls_left > 1) {
		thread->calls_left--;
		return;
	}
	gap = thread->calls_gap;
	shift = thread->calls_shift & 31;
	thread->calls_shift = call_shift & 31;
	thread->calls_gap = draw_gap(thread->calls_shift);
	thread->calls_left = thread->calls_gap;
	account->seen += gap;
	if (gap)
		account->filtered += gap - 1;
	if (!gap) /* the thread's first call: where it begins says nothing */
		return;
	if (!(counting | rehearsing)) {
		account->filtered++;
		return;
	}
	take_sample(account, ctx, bpf_ktime_get_ns(), SAMPLE_CALL, number, 1u << shift);
}

#endif
