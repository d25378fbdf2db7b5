/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Samples: the stacks of a thread, and the ring that carries them. Those of CPU
 * time are taken on a software clock of each CPU; offcpu.h and callpath.h take
 * theirs where something happens.
 */
#ifndef IPCPROBE_SAMPLE_H
#define IPCPROBE_SAMPLE_H

#include "walk.h"

#define SAMPLE_HEAD __builtin_offsetof(struct sample, frames)

/*
 * Some hundred samples a second of 200 to 500 bytes: 4 MiB hold some ten
 * seconds. Written by the samplers, drained by user space after the slice, and
 * meanwhile when it fills. A sample that finds no room is lost and counted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} samples SEC(".maps");

static __always_inline __u32 walker_of(__u32 kind)
{
	return kind == SAMPLE_CPU   ? WALKER_CLOCK
	       : kind == SAMPLE_OFF ? WALKER_SWITCH
				    : WALKER_CALL;
}

/*
 * Takes the stack of the current thread. User space alone counts for a thread
 * that enters a call: what the kernel does with it is still to come.
 */
static __always_inline void take_sample(struct account *account, void *ctx, __u64 now,
					__u32 kind, __u32 number, __u32 weight)
{
	struct sample *sample = walk_stack(ctx, walker_of(kind), kind != SAMPLE_CALL);
	__u32 frames;

	if (!sample) {
		account->lost++;
		return;
	}
	sample->at_ns = now;
	sample->thread = bpf_get_current_pid_tgid();
	sample->kind = kind;
	sample->number = number;
	sample->weight = weight;
	sample->pad = 0;
	frames = (sample->kernel_frames + sample->user_frames) & FRAME_MASK;
	if (bpf_ringbuf_output(&samples, sample, SAMPLE_HEAD + frames * sizeof(__u64),
			       BPF_RB_NO_WAKEUP))
		account->lost++;
	else
		account->emitted++;
}

static __always_inline void handle_sample(struct cpu *cpu, void *ctx)
{
	struct account *account = &cpu->accounts[PROGRAM_CPU_SAMPLE];

	account->seen++;
	if (!is_target(current_tgid()) || !(counting | rehearsing)) {
		account->filtered++;
		return;
	}
	take_sample(account, ctx, bpf_ktime_get_ns(), SAMPLE_CPU, 0, 1);
}

/*
 * A chance of 1 in 2^shift: one that is drawn, because what a server does
 * repeats itself, and every second event may always be the same one.
 */
static __always_inline int drawn(__u32 shift)
{
	return !(bpf_get_prandom_u32() & ((1u << (shift & 31)) - 1));
}

#endif
