/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The few kernel fields that the probes read. Offsets are relocated against the
 * running kernel's BTF when the object is loaded, so only names and types stand
 * here. What differs between kernels is decided in this file and nowhere else.
 *
 * The same sources make an object for each rung of the ladder; RUNG, from the
 * compiler's command line, says which. From it follows TYPED:
 *
 *   1: the kernel knows the types of what it hands to us. Fields are read
 *      directly, and state is stored with its task or socket. Typed tracepoints
 *      came with 5.5 (9e15db66136a), task storage in tracing programs with 5.12
 *      (a10787e6d58c), socket storage with 5.11 (8e4597c627fb),
 *      bpf_get_socket_cookie with 5.12 (c5dbb89fc2ac), atomic operations that
 *      return what they found with 5.12 (5ca419f2864a), bpf_skc_to_unix_sock with
 *      5.16 (9eeb3aa33ae0), bpf_loop with 5.17 (e6f2dd0f8067).
 *   0: nothing of this. Fields are copied out, state is in hash maps, and
 *      tracepoints are raw. Linux 5.8, for the ring buffer (457f44363a88).
 */
#ifndef IPCPROBE_KERNEL_H
#define IPCPROBE_KERNEL_H

#define RUNG_TP_BTF	1 /* the sockets' own tracepoints, Linux 6.3 */
#define RUNG_FENTRY	2 /* trampolines on the functions around them, Linux 5.5 */
#define RUNG_KPROBE	3 /* breakpoints on the same functions */
#define RUNG_SYSCALL	4 /* system calls alone: when bytes are queued is not seen */
#define RUNG_TRACEPOINT 5 /* those of the first, by way of perf events */

#ifndef RUNG
#define RUNG RUNG_TP_BTF
#endif
#define TYPED (RUNG == RUNG_TP_BTF)

/* linux/ptrace.h names the registers as user space does, we as the kernel does. */
#define __VMLINUX_H__

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define AF_UNIX	   1
#define AF_INET	   2
#define AF_INET6   10
#define MSG_PEEK   2
#define SOCK_DGRAM 2

/* The number of io_uring_enter on every processor that has it. */
#define NR_IO_URING_ENTER 426

#define S_IFMT	 0170000
#define S_IFSOCK 0140000

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
	int sk_sndbuf;
	__u16 sk_type;
};

struct sk_buff {
	struct sock *sk; /* of a Unix message: the sender's */
	unsigned int len;
};

struct socket {
	struct sock *sk;
};

struct unix_address;

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
};

/* From a descriptor to its socket. */
struct inode {
	unsigned short i_mode;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	__u32 pid;
	__u32 tgid;
	unsigned int __state;
	struct files_struct *files;
};

/* task_struct.state before 5.14; 2f064a59a11f renamed it and made it an int. */
struct task_struct___before_5_14 {
	long state;
};

/*
 * The registers at the entry of a system call or function; the number of the call
 * as the entry code leaves it.
 */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long r10;
	unsigned long cx;
	unsigned long ax;
	unsigned long orig_ax;
};
#define CALL_NUMBER(regs) FIELD(regs, orig_ax)
#define CALL_FIRST(regs)  FIELD(regs, di)
#define CALL_THIRD(regs)  FIELD(regs, dx)
#define CALL_FOURTH(regs) FIELD(regs, r10)
#elif defined(__TARGET_ARCH_arm64)
/* The first member of struct pt_regs; part of the kernel's interface. */
struct user_pt_regs {
	__u64 regs[31];
};
struct pt_regs {
	struct user_pt_regs user_regs;
	__u64 orig_x0;
	int syscallno;
};
#define CALL_NUMBER(regs) FIELD(regs, syscallno)
#define CALL_FIRST(regs)  FIELD(regs, orig_x0)
#define CALL_THIRD(regs)  FIELD(regs, user_regs.regs[2])
#define CALL_FOURTH(regs) FIELD(regs, user_regs.regs[3])
#else
#error "no probes for this processor yet"
#endif

#pragma clang attribute pop

/* A field of a kernel object, by its path. Absent objects read as 0. */
#if TYPED
#define FIELD(from, path) ((from)->path)
#else
#define FIELD(from, path) BPF_CORE_READ(from, path)
#endif

/*
 * Adds to a number that several CPUs may add to, and returns what it was. Untyped
 * programs do it in two steps: of two that come at the same instant one is lost.
 */
#if TYPED || RUNG == RUNG_TRACEPOINT
#define FETCH_ADD(number, by) __sync_fetch_and_add(number, by)
#else
#define FETCH_ADD(number, by)                                                            \
	({                                                                               \
		__u64 before_ = *(number);                                               \
		__sync_fetch_and_add(number, by);                                        \
		before_;                                                                 \
	})
#endif

/* Typed tracepoints need the kernel's own BTF, raw ones (4.17) do not. */
#if TYPED
#define TRACEPOINT(name) SEC("tp_btf/" #name)
#else
#define TRACEPOINT(name) SEC("raw_tp/" #name)
#endif

static __always_inline int task_runs(struct task_struct *task)
{
	struct task_struct___before_5_14 *before = (void *)task;

	if (bpf_core_field_exists(before->state))
		return BPF_CORE_READ(before, state) == TASK_RUNNING;
	return FIELD(task, __state) == TASK_RUNNING;
}

/* Of a Unix socket: the other end, NULL while there is none. */
static __always_inline struct sock *unix_peer(struct sock *sk)
{
#if TYPED
	struct unix_sock *own = bpf_skc_to_unix_sock(sk);

	return own ? own->peer : NULL;
#else
	return BPF_CORE_READ((struct unix_sock *)sk, peer);
#endif
}

/* A Unix socket's name, by address: its own or, when accepted, its listener's. */
static __always_inline __u64 unix_name(struct sock *sk)
{
#if TYPED
	struct unix_sock *own = bpf_skc_to_unix_sock(sk);

	return own ? (__u64)own->addr : 0;
#else
	return (__u64)BPF_CORE_READ((struct unix_sock *)sk, addr);
#endif
}

/*
 * What SO_COOKIE gives for the socket. Untyped programs can't make a cookie, only
 * read one that somebody has asked for, as our load generator does: another
 * socket goes by its address.
 */
static __always_inline __u64 socket_cookie(struct sock *sk)
{
#if TYPED
	return bpf_get_socket_cookie(sk);
#else
	__u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);

	return cookie ? cookie : (__u64)sk;
#endif
}

#endif
