/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The tables that a walk reads, as loader/unwind makes them, and how walks end.
 * Shared by the probes and by the ordinary program of the replay test.
 */
#ifndef IPCPROBE_RULE_H
#define IPCPROBE_RULE_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* DWARF numbers of the registers that a walk follows; unwind.Machine in Go. */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define UNWIND_STACK	   31
#define UNWIND_FRAME	   29
#define UNWIND_SAVED	   19
#define UNWIND_RESULT	   30
/* Bits of a return address that may carry its signature (user addresses). */
#define UNWIND_ADDRESS(pc) ((pc)&0x007fffffffffffffULL)
#else
#define UNWIND_STACK	   7
#define UNWIND_FRAME	   6
#define UNWIND_SAVED	   3
#define UNWIND_RESULT	   16
#define UNWIND_ADDRESS(pc) (pc)
#endif
#define UNWIND_REGISTERS 32

/* How the start of the caller's frame is found: Kind in loader/unwind. */
enum unwind_cfa {
	UNWIND_CFA_UNSUPPORTED,
	UNWIND_CFA_REGISTER,
	UNWIND_CFA_LOAD,
	UNWIND_CFA_INDEXED,
	UNWIND_CFA_STUB,
};

/* Where the caller's value of a register is: Where in loader/unwind. */
enum unwind_where {
	UNWIND_UNSUPPORTED,
	UNWIND_SAME,
	UNWIND_UNDEFINED,
	UNWIND_AT_CFA,
	UNWIND_AT_STACK,
	UNWIND_AT_FRAME,
	UNWIND_IS_CFA,
	UNWIND_IN_REGISTER,
	UNWIND_OF_PARENT, /* at the CFA, but undefined in a child that has just begun */
};

struct unwind_rule {
	__s32 cfa_offset;
	__s32 cfa_add;
	__s32 result; /* offsets, or numbers of registers */
	__s32 frame;
	__s32 saved;
	__u8 base;
	__u8 index;
	__u8 shift;
	__u8 cfa; /* enum unwind_cfa */
	__u8 result_is;
	__u8 frame_is;
	__u8 saved_is;
	__u8 signal;
	__u8 pad[4];
};

/* From pc on, counted from the base of the object's mapping. */
struct unwind_row {
	__u32 pc;
	__u16 rule;
	__u16 flags;
};

#define UNWIND_GAP 1 /* nothing is known from here on */

/* How a walk ended. The first three are complete stacks. */
enum unwind_end {
	UNWIND_WALKING,
	UNWIND_OUTERMOST,     /* a frame that nobody called: a thread's start */
	UNWIND_ZERO,	      /* a return address of 0, which means the same */
	UNWIND_NO_USER,	      /* a thread of the kernel's, without user code */
	UNWIND_DEEP,	      /* more frames than there is room for */
	UNWIND_PROCESS,	      /* a process whose tables are not loaded */
	UNWIND_UNMAPPED,      /* an address where no code was mapped */
	UNWIND_ANONYMOUS,     /* code that lies in no file: a JIT */
	UNWIND_NO_TABLE,      /* an object without call frame information */
	UNWIND_BROKEN,	      /* an object that could not be read */
	UNWIND_FULL,	      /* an object for whose table there was no room */
	UNWIND_NO_ROW,	      /* code that the object's table leaves out */
	UNWIND_RULE,	      /* a rule of a form that the walk does not know */
	UNWIND_REGISTER,      /* the rule counts from a register that is lost */
	UNWIND_NOT_RESIDENT,  /* a page of the stack is not in memory */
	UNWIND_NOT_ABOVE,     /* the caller's frame is not above its callee's */
	UNWIND_OTHER_MACHINE, /* 32-bit code */
	UNWIND_ENDS,
};

/* One executable mapping. Those of a process are sorted. */
struct unwind_mapping {
	__u64 start;
	__u64 end;
	__u64 base;  /* address of the table's pc 0 */
	__u32 first; /* row */
	__u32 rows;
	__u32 fails; /* enum unwind_end: why there is no table; 0 if there is */
	__u32 pad;
};

/* The mappings of one process, [first, first + count). */
struct unwind_process {
	__u32 first;
	__u32 count;
};

#endif
