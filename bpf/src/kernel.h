/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The few kernel fields that the probes read. Offsets are relocated against the
 * running kernel's BTF when the object is loaded, so only names and types stand
 * here. What differs between kernels is decided in this file and nowhere else.
 */
#ifndef IPCPROBE_KERNEL_H
#define IPCPROBE_KERNEL_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define AF_UNIX	 1
#define AF_INET	 2
#define AF_INET6 10
#define MSG_PEEK 2

/* The number of io_uring_enter on every processor that has it. */
#define NR_IO_URING_ENTER 426

/* Kernels before 5.14 call it task_struct.state; 2f064a59a11f renamed it. */
#define TASK_RUNNING 0

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cookie64 {
	__s64 counter;
};

struct sock_common {
	unsigned short skc_family;
	__u16 skc_num; /* local port, host byte order */
	struct cookie64 skc_cookie;
};

struct sk_buff_head {
	__u32 qlen;
};

struct upid {
	int nr;
};

struct pid {
	struct upid numbers[1]; /* [0] is the root namespace's */
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	struct pid *sk_peer_pid;
};

struct unix_address;

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
};

struct task_struct {
	__u32 pid;
	__u32 tgid;
	unsigned int __state;
};

/* The number of the system call, as the entry code leaves it. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long orig_ax;
};
#define CALL_NUMBER(regs) ((regs)->orig_ax)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	int syscallno;
};
#define CALL_NUMBER(regs) ((regs)->syscallno)
#else
#error "no probes for this processor yet"
#endif

#pragma clang attribute pop

#endif
