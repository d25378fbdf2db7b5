/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a system call has sent or read on a descriptor that is a socket, as the
 * call ends. On the last rung this is all there is. On those between it fills in
 * what their hooks miss: a call that was under way when they came on, and sockets
 * of other families. It does not see what sendfile, splice, recvmmsg and io_uring
 * do.
 */
#ifndef IPCPROBE_DESCRIPTOR_H
#define IPCPROBE_DESCRIPTOR_H

#include "socket.h"

/* The rung's own hook has seen what this call transferred. */
static __always_inline void transferred(void)
{
	struct thread *thread;

	if (!is_target(current_tgid()))
		return;
	thread = thread_by_id(bpf_get_current_pid_tgid(), 0);
	if (thread)
		thread->transferred = 1;
}

/* The socket behind a descriptor of the current thread, or NULL. */
static __always_inline struct sock *socket_of(__u32 descriptor)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files, *file = NULL;
	struct socket *socket;

	if (descriptor >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline __u32 flags_of(struct pt_regs *regs, __u32 call)
{
	if (call == CALL_RECVFROM)
		return CALL_FOURTH(regs);
	return call == CALL_RECVMSG ? CALL_THIRD(regs) : 0;
}

/* The client's end must be known before the server takes what is sent here. */
static __always_inline void client_call_begins(struct pt_regs *regs, __u32 call)
{
	struct sock *sk;

	if (current_tgid() != client_tgid || !sends(call))
		return;
	sk = socket_of(CALL_FIRST(regs));
	if (sk && is_unix(sk))
		client_end(sk);
}

/* The client's calls matter on the last rung only: it has them seen nowhere else. */
static __always_inline void call_ends(struct cpu *cpu, struct pt_regs *regs, long ret)
{
	__u32 call, tgid = current_tgid();
	struct thread *thread;
	struct sock *sk;

	if (!is_target(tgid) && (RUNG != RUNG_SYSCALL || tgid != client_tgid))
		return;
	thread = this_thread(cpu, 0);
	if (thread && thread->transferred) {
		thread->transferred = 0;
		return;
	}
	call = CALL_NUMBER(regs);
	if (ret <= 0 || (!sends(call) && !receives(call)))
		return;
	sk = socket_of(CALL_FIRST(regs));
	if (!sk)
		return;
	if (sends(call))
		handle_send_length(cpu, sk, ret);
	else
		handle_recv_length(cpu, sk, ret, flags_of(regs, call));
}

#endif
