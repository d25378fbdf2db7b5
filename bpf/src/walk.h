/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The stack of the current thread: kernel frames as the kernel gives them, user
 * frames behind them by the tables of unwind.h. Any program may call walk_stack.
 *
 * The step from a frame to its caller is a function that the verifier checks
 * once, by itself, and a bounded loop calls it: that takes no bpf_loop and works
 * since Linux 5.6 (51c39bb1d5d1).
 */
#ifndef IPCPROBE_WALK_H
#define IPCPROBE_WALK_H

#include "state.h"
#include "unwind.h"

/*
 * The tables of all objects, one behind the other. Key: index. Written by user
 * space, which only appends while probes run; read by the walk. Sizes are set by
 * user space from what the target has mapped; an object that finds no room is
 * marked so in its mapping, and stacks through it end there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_row);
} unwind_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_rule);
} unwind_rules SEC(".maps");

/*
 * The executable mappings of the processes. A list that changes is written in
 * another place before its process points there, so a walk sees one or the other.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_mapping);
} unwind_mappings SEC(".maps");

/*
 * Key: thread-group id in the root namespace. Written by user space. Stacks of a
 * process that is not in it end at the leaf. Children of a target fit in.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct unwind_process);
} unwind_processes SEC(".maps");

/*
 * Walks by how they ended (enum unwind_end), since the probes were loaded. Read
 * by user space, which looks for new mappings when some ended for want of one.
 */
__u64 unwind_ends[32] = {};

static __always_inline struct unwind_row *unwind_row_at(__u32 i)
{
	return bpf_map_lookup_elem(&unwind_rows, &i);
}

static __always_inline struct unwind_rule *unwind_rule_at(__u32 i)
{
	return bpf_map_lookup_elem(&unwind_rules, &i);
}

static __always_inline struct unwind_mapping *unwind_mapping_at(__u32 i)
{
	return bpf_map_lookup_elem(&unwind_mappings, &i);
}

static __always_inline long unwind_load(__u64 *value, __u64 address)
{
	return bpf_probe_read_user(value, sizeof(*value), (const void *)address);
}

/*
 * Where a walk is, and what it found: too large for a program's stack. Key: who
 * walks, because one may interrupt another on its CPU. Written and read by the
 * probes only.
 */
struct stack_walk {
	struct unwind_walk walk;
	struct sample sample;
};

enum walker {
	WALKER_CLOCK,  /* cpu_sample, in an interrupt */
	WALKER_SWITCH, /* sched_switch */
	WALKER_CALL,   /* sys_enter, which a switch may interrupt */
	WALKER_OTHER,  /* uprobes and others in the thread itself */
	WALKERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKERS);
	__type(key, __u32);
	__type(value, struct stack_walk);
} walks SEC(".maps");

/*
 * The registers with which a thread left user code, as the entry code saved them
 * at the top of its kernel stack: the same on all kernels since 4.15.
 */
#if defined(__TARGET_ARCH_x86)
struct user_registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	__u64 ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
typedef __u16 instruction;
#define SYSTEM_CALL	   0x050f
#define KERNEL_STACK_BYTES (16 << 10)
#define USER_REGISTERS	   sizeof(struct user_registers)
#define CODE_32_BIT	   0x23
#else
struct user_registers {
	__u64 x[31];
	__u64 sp, pc, state, orig_x0;
	__s32 call;
	__u32 pad;
};
typedef __u32 instruction;
#define SYSTEM_CALL	   0xd4000001
#define KERNEL_STACK_BYTES (16 << 10)
#define USER_REGISTERS	   336 /* with a frame for the kernel's unwinder (5.10 to 6.9) */
#define STATE_32_BIT	   0x10
#endif

struct task_struct___walk {
	void *stack;
	void *mm;
} __attribute__((preserve_access_index));

enum bpf_func_id___walk {
	BPF_FUNC_task_pt_regs___walk = 175,
};

/* bpf_task_pt_regs came with 5.15 (dd6e10fbd9fb). */
static __always_inline long read_registers(struct user_registers *to)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___walk,
				       BPF_FUNC_task_pt_regs___walk)) {
		struct task_struct *task = (void *)bpf_get_current_task_btf();

		return bpf_probe_read_kernel(to, sizeof(*to),
					     (void *)bpf_task_pt_regs(task));
	} else {
		struct task_struct___walk *task = (void *)bpf_get_current_task();
		void *stack = BPF_CORE_READ(task, stack);

		return bpf_probe_read_kernel(to, sizeof(*to),
					     stack + KERNEL_STACK_BYTES - USER_REGISTERS);
	}
}

/*
 * Whether the instruction before pc is a system call. It is not where a call ends
 * elsewhere: in a signal's handler, at a program's start.
 */
static __always_inline int behind_call(__u64 pc)
{
	instruction before;

	if (bpf_probe_read_user(&before, sizeof(before), (void *)(pc - sizeof(before))))
		return 1;
	return before == SYSTEM_CALL;
}

/* A thread that ends has given its memory back. */
static __always_inline int without_memory(void)
{
	struct task_struct___walk *task = (void *)bpf_get_current_task();

	return !BPF_CORE_READ(task, mm);
}

#if defined(__TARGET_ARCH_x86)
static __always_inline enum unwind_end walk_from(struct unwind_walk *w)
{
	struct user_registers regs;

	if (without_memory() || read_registers(&regs) || !regs.ip)
		return UNWIND_NO_USER;
	if (regs.cs == CODE_32_BIT)
		return UNWIND_OTHER_MACHINE;
	w->registers[0] = regs.ax;
	w->registers[1] = regs.dx;
	w->registers[2] = regs.cx;
	w->registers[3] = regs.bx;
	w->registers[4] = regs.si;
	w->registers[5] = regs.di;
	w->registers[6] = regs.bp;
	w->registers[7] = regs.sp;
	w->registers[8] = regs.r8;
	w->registers[9] = regs.r9;
	w->registers[10] = regs.r10;
	w->registers[11] = regs.r11;
	w->registers[12] = regs.r12;
	w->registers[13] = regs.r13;
	w->registers[14] = regs.r14;
	w->registers[15] = regs.r15;
	w->pc = regs.ip;
	w->stack = regs.sp;
	w->frame.value = regs.bp;
	w->saved.value = regs.bx;
	/* -1 where an interrupt or a fault came, else the number of the call. */
	w->exact = (__s64)regs.orig_ax < 0 || !behind_call(regs.ip);
	return UNWIND_WALKING;
}
#else
static __always_inline enum unwind_end walk_from(struct unwind_walk *w)
{
	struct user_registers regs;

	if (without_memory() || read_registers(&regs) || !regs.pc)
		return UNWIND_NO_USER;
	if (regs.state & STATE_32_BIT)
		return UNWIND_OTHER_MACHINE;
	for (int i = 0; i < 31; i++)
		w->registers[i] = regs.x[i];
	w->pc = regs.pc;
	w->stack = regs.sp;
	w->frame.value = regs.x[UNWIND_FRAME];
	w->saved.value = regs.x[UNWIND_SAVED];
	w->exact = regs.call < 0 || !behind_call(regs.pc);
	return UNWIND_WALKING;
}
#endif

#define FRAME_MASK 255 /* of frames[], which has one more than both stacks take */

/* What is to be looked up where it stands, and not one byte before, is marked so. */
static __always_inline __u64 walk_address(struct unwind_walk *w)
{
	return w->pc | (w->exact ? FRAME_EXACT : 0);
}

/* One frame up, and the address found there behind the others. */
__attribute__((noinline)) int walk_step(__u32 walker)
{
	struct stack_walk *s = bpf_map_lookup_elem(&walks, &walker);
	enum unwind_end end;
	__u32 place;

	if (!s)
		return UNWIND_PROCESS;
	end = unwind_frame(&s->walk);
	if (end)
		return end;
	place = s->sample.kernel_frames + s->sample.user_frames;
	s->sample.frames[place & FRAME_MASK] = walk_address(&s->walk);
	s->sample.user_frames++;
	return UNWIND_WALKING;
}

/* Sets the walk to the thread's user code. */
static __always_inline enum unwind_end walk_begin(struct unwind_walk *w)
{
	__u32 tgid = current_tgid();
	struct unwind_process *process;
	enum unwind_end end;

	__builtin_memset(&w->frame, 0, sizeof(w->frame));
	__builtin_memset(&w->saved, 0, sizeof(w->saved));
	w->leaf = 1;
	end = walk_from(w);
	if (end)
		return end;
	process = bpf_map_lookup_elem(&unwind_processes, &tgid);
	w->process.first = process ? process->first : 0;
	w->process.count = process ? process->count : 0;
	w->mapping = w->process.first;
	return UNWIND_WALKING;
}

/*
 * Fills frames, their numbers and the end of the walk's sample. User frames
 * alone where kernel is 0.
 */
static __always_inline struct sample *walk_stack(void *ctx, __u32 walker, int kernel)
{
	struct stack_walk *s = bpf_map_lookup_elem(&walks, &walker);
	enum unwind_end end;
	long bytes = 0;

	if (!s)
		return 0;
	if (kernel)
		bytes =
		    bpf_get_stack(ctx, s->sample.frames, STACK_DEPTH * sizeof(__u64), 0);
	s->sample.kernel_frames = bytes > 0 ? (bytes / sizeof(__u64)) & 127 : 0;
	s->sample.user_frames = 0;
	end = walk_begin(&s->walk);
	if (!end) {
		s->sample.frames[s->sample.kernel_frames & FRAME_MASK] =
		    walk_address(&s->walk);
		s->sample.user_frames = 1;
		if (!s->walk.process.count)
			end = UNWIND_PROCESS;
	}
	for (int i = 1; i < STACK_DEPTH && !end; i++)
		end = walk_step(walker);
	if (!end)
		end = UNWIND_DEEP;
	s->sample.end = end;
	__sync_fetch_and_add(&unwind_ends[end & 31], 1);
	return &s->sample;
}

#endif
