/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The third rung: breakpoints on the functions of the second, for kernels that
 * refuse trampolines, or have no BTF. A function's return knows its result
 * alone, so its entry leaves the socket with the thread. A return that is missed,
 * because too many calls wait at once, is seen as the system call ends: see
 * descriptor.h.
 */
#ifndef IPCPROBE_HOOK_KPROBE_H
#define IPCPROBE_HOOK_KPROBE_H

#include "descriptor.h"

/* A send or receive under way: address of the socket, and flags. */
struct operation {
	__u64 sk;
	__u64 flags;
};

/*
 * Key: thread id. Written at the function's entry, read and deleted at its
 * return. An operation that finds no place is seen as the system call ends.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct operation);
} operations SEC(".maps");

static __always_inline void operation_begins(struct socket *socket, __u32 flags)
{
	struct operation operation = {.flags = flags};
	__u32 tid = bpf_get_current_pid_tgid();

	if (!followed(current_tgid()))
		return;
	operation.sk = (__u64)FIELD(socket, sk);
	bpf_map_update_elem(&operations, &tid, &operation, BPF_ANY);
}

/* Takes what the entry has left; 0 if it was not seen. */
static __always_inline int operation_ends(struct operation *operation)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct operation *found;

	if (!followed(current_tgid()))
		return 0;
	found = bpf_map_lookup_elem(&operations, &tid);
	if (!found)
		return 0;
	*operation = *found;
	bpf_map_delete_elem(&operations, &tid);
	transferred();
	return 1;
}

SEC("kprobe/sock_def_readable")
int BPF_KPROBE(sk_data_ready, struct sock *sk)
{
	struct cpu *cpu = this_cpu();

	if (cpu)
		handle_data_ready(cpu, sk);
	return 0;
}

SEC("kprobe/unix_stream_sendmsg")
int BPF_KPROBE(send_begins, struct socket *socket)
{
	operation_begins(socket, 0);
	return 0;
}

SEC("kretprobe/unix_stream_sendmsg")
int BPF_KRETPROBE(sock_send_length, int ret)
{
	struct cpu *cpu = this_cpu();
	struct operation operation;

	if (cpu && operation_ends(&operation))
		handle_send_length(cpu, (struct sock *)operation.sk, ret);
	return 0;
}

SEC("kprobe/unix_stream_recvmsg")
int BPF_KPROBE(recv_begins, struct socket *socket, void *message, __u64 length, int flags)
{
	operation_begins(socket, flags);
	return 0;
}

SEC("kretprobe/unix_stream_recvmsg")
int BPF_KRETPROBE(sock_recv_length, int ret)
{
	struct cpu *cpu = this_cpu();
	struct operation operation;

	if (cpu && operation_ends(&operation))
		handle_recv_length(cpu, (struct sock *)operation.sk, ret,
				   operation.flags);
	return 0;
}

#endif
