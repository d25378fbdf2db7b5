/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who asks the kernel for memory: the target's brk, mmap, munmap and mremap as they
 * return, with the bytes by which its address space grew, by call path. A part of
 * sys_exit: a program of its own would run at every system call, and cost more
 * there than all that the one for the table of calls does.
 */
#ifndef IPCPROBE_GROWTH_H
#define IPCPROBE_GROWTH_H

#include "origin.h"

/* Whether they are followed. Set before the object is loaded. */
const volatile __u32 growth = 0;

/* The target's break, 0 where unknown. Set by user space before the probes attach. */
__u64 last_brk = 0;

#if defined(__TARGET_ARCH_x86)
enum { CALL_MMAP = 9, CALL_MUNMAP = 11, CALL_BRK = 12, CALL_MREMAP = 25 };
#define SECOND_ARGUMENT(at) ((at).si)
#define THIRD_ARGUMENT(at)  ((at).dx)
#else
enum { CALL_BRK = 214, CALL_MUNMAP = 215, CALL_MREMAP = 216, CALL_MMAP = 222 };
#define SECOND_ARGUMENT(at) ((at).x[1])
#define THIRD_ARGUMENT(at)  ((at).x[2])
#endif

static __always_inline int grows(__u32 number)
{
	return number == CALL_MMAP || number == CALL_MUNMAP || number == CALL_BRK ||
	       number == CALL_MREMAP;
}

/* By how much the call has grown the address space; kind as add_origin takes it. */
static __always_inline __s64 growth_of(__u32 number, __u64 ret, __u32 *kind)
{
	struct user_registers at;
	__u64 before;

	if (number == CALL_BRK) {
		*kind = ORIGIN_BRK;
		before = last_brk;
		last_brk = ret;
		return before ? ret - before : 0;
	}
	if (read_registers(&at))
		return 0;
	if (number == CALL_MUNMAP) {
		*kind = ORIGIN_MUNMAP;
		return -SECOND_ARGUMENT(at);
	}
	if (number == CALL_MREMAP) {
		*kind = ORIGIN_MREMAP;
		return THIRD_ARGUMENT(at) - SECOND_ARGUMENT(at);
	}
	*kind = ORIGIN_MMAP;
	return SECOND_ARGUMENT(at);
}

/* Apart from sys_exit, so that the other calls need no registers for it. */
static __attribute__((noinline)) int handle_growth(__u32 number, __u64 ret)
{
	__u32 kind = ORIGIN_KINDS;
	__s64 bytes;

	if (current_tgid() != target_tgid || ret >= -4095UL) /* it failed */
		return 0;
	bytes = growth_of(number, ret, &kind);
	/* A brk that only asks; registers that can't be read. */
	if (!counting || kind == ORIGIN_KINDS || (kind == ORIGIN_BRK && !bytes))
		return 0;
	add_origin(kind, 1, bytes);
	return 0;
}

#endif
