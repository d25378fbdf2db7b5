/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Registers of the target where a probe stopped it, and those of a system call:
 * the layouts that the kernel promises to user space (asm/ptrace.h).
 */
#ifndef IPCPROBE_HEAP_REGISTERS_H
#define IPCPROBE_HEAP_REGISTERS_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#if defined(__TARGET_ARCH_x86)

struct registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	__u64 ip, cs, flags, sp, ss;
};

#define ARGUMENT_1(r) ((r)->di)
#define ARGUMENT_2(r) ((r)->si)
#define ARGUMENT_3(r) ((r)->dx)
#define RETURNED(r)   ((r)->ax)
#define ADDRESS(r)    ((r)->ip)
#define STACK(r)      ((r)->sp)
#define FRAME(r)      ((r)->bp)
#define SAVED(r)      ((r)->bx)
/* What ret takes off the stack: a call's stack before and behind differ by it. */
#define RETURN_SLOT   8

enum { CALL_MMAP = 9, CALL_MUNMAP = 11, CALL_BRK = 12, CALL_MREMAP = 25 };

static __always_inline __u64 caller_of(struct registers *r)
{
	__u64 address = 0;

	bpf_probe_read_user(&address, sizeof(address), (void *)r->sp);
	return address;
}

#elif defined(__TARGET_ARCH_arm64)

struct registers {
	__u64 regs[31];
	__u64 sp, pc, pstate;
};

#define ARGUMENT_1(r) ((r)->regs[0])
#define ARGUMENT_2(r) ((r)->regs[1])
#define ARGUMENT_3(r) ((r)->regs[2])
#define RETURNED(r)   ((r)->regs[0])
#define ADDRESS(r)    ((r)->pc)
#define STACK(r)      ((r)->sp)
#define FRAME(r)      ((r)->regs[29])
#define SAVED(r)      ((r)->regs[19])
#define RETURN_SLOT   0

enum { CALL_BRK = 214, CALL_MUNMAP = 215, CALL_MREMAP = 216, CALL_MMAP = 222 };

static __always_inline __u64 caller_of(struct registers *r)
{
	return r->regs[30];
}

#else
#error "no heap probes for this processor yet"
#endif

#define AF_UNIX 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct atomic {
	int counter;
};

struct signal_struct {
	struct atomic live; /* threads that have not begun to exit */
};

struct task_struct {
	int pid;
	int tgid;
	struct signal_struct *signal;
};

struct sock_common {
	unsigned short skc_family;
};

struct sock {
	struct sock_common __sk_common;
};

struct unix_address;

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
};

#pragma clang attribute pop

#endif
