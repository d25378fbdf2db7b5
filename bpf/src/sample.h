/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * CPU samples: the interrupted thread's kernel and user stack, on a software
 * clock of the CPU.
 */
#ifndef IPCPROBE_SAMPLE_H
#define IPCPROBE_SAMPLE_H

#include "state.h"

/*
 * Some hundred samples a second of 2 KiB each: 4 MiB hold two seconds of ten
 * threads. Written by the sampler, drained by user space after the slice, and
 * meanwhile when it fills. A sample that finds no room is lost and counted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} samples SEC(".maps");

static __always_inline void handle_sample(struct cpu *cpu, void *ctx)
{
	struct account *account = &cpu->accounts[PROGRAM_CPU_SAMPLE];
	struct sample *sample;

	account->seen++;
	if (current_tgid() != target_tgid || !counting) {
		account->filtered++;
		return;
	}
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample) {
		account->lost++;
		return;
	}
	sample->at_ns = bpf_ktime_get_ns();
	sample->thread = bpf_get_current_pid_tgid();
	sample->pad = 0;
	sample->kernel_bytes =
	    bpf_get_stack(ctx, sample->kernel, sizeof(sample->kernel), 0);
	sample->user_bytes =
	    bpf_get_stack(ctx, sample->user, sizeof(sample->user), BPF_F_USER_STACK);
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
	account->emitted++;
}

#endif
