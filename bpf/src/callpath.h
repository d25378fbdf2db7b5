/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Call paths: the user stack with which a thread of the target enters a system
 * call, of one call in 2^call_shift.
 */
#ifndef IPCPROBE_CALLPATH_H
#define IPCPROBE_CALLPATH_H

#include "sample.h"

/* Set by user space before the probes attach. CALL_NONE: no stack is taken. */
__u32 call_shift = 0;
#define CALL_NONE 32

static __always_inline void handle_call_path(void *ctx, struct cpu *cpu, __u64 number)
{
	struct account *account = &cpu->accounts[PROGRAM_CALL_STACK];

	if (!is_target(current_tgid()))
		return;
	account->seen++;
	if (!(counting | rehearsing) || call_shift >= CALL_NONE || !drawn(call_shift)) {
		account->filtered++;
		return;
	}
	take_sample(account, ctx, bpf_ktime_get_ns(), SAMPLE_CALL, number,
		    1u << call_shift);
}

#endif
