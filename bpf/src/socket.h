/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Queued, taken, answered: the moments of a request on its socket.
 *
 *   queued    sk_data_ready in the client's send: bytes stand in the server's queue
 *   taken     sock_recv_length in the server: recv returns with bytes
 *   answered  entry of the server's send call, and sk_data_ready inside it
 *
 * sk_data_ready names the receiver's socket and no length; sock_send_length, at
 * the end of the same call, names the sender's socket and the bytes. So the
 * first leaves its stamp with the thread and the second makes the record.
 */
#ifndef IPCPROBE_SOCKET_H
#define IPCPROBE_SOCKET_H

#include "tape.h"

static __always_inline int is_unix(struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_UNIX;
}

static __always_inline void handle_data_ready(struct cpu *cpu, struct sock *sk)
{
	struct account *account = &cpu->accounts[PROGRAM_SK_DATA_READY];
	struct thread *thread;
	__u32 tgid;

	account->seen++;
	tgid = current_tgid();
	/* A packet of some other socket can be received in an interrupt of ours. */
	if ((tgid != target_tgid && tgid != client_tgid) || !is_unix(sk)) {
		account->filtered++;
		return;
	}
	thread = this_thread(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		account->lost++;
		return;
	}
	thread->ready_ns = bpf_ktime_get_ns();
	account->emitted++;
}

/* The client's own end: it makes the connection known. */
static __always_inline struct end *client_end(struct sock *sk)
{
	struct end *end = bpf_sk_storage_get(&ends, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (end && !end->cookie)
		end->cookie = bpf_get_socket_cookie(sk);
	return end;
}

/* The server's end, if its peer is known; *foreign if it is somebody else's. */
static __always_inline struct end *server_end(struct sock *sk, int *foreign)
{
	struct end *end = bpf_sk_storage_get(&ends, sk, 0, 0), *other;
	struct unix_sock *own;
	struct sock *peer;

	*foreign = 0;
	if (end)
		return end;
	own = bpf_skc_to_unix_sock(sk);
	peer = own ? own->peer : NULL;
	other = peer ? bpf_sk_storage_get(&ends, peer, 0, 0) : NULL;
	if (!other) {
		*foreign = 1;
		return NULL;
	}
	end = bpf_sk_storage_get(&ends, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (end)
		end->cookie = other->cookie;
	return end;
}

static __always_inline void write_record(struct account *account, struct cpu *cpu,
					 const struct record *from)
{
	struct record *to = tape_next(cpu);

	if (!to) {
		account->lost++;
		return;
	}
	*to = *from;
	account->emitted++;
}

static __always_inline void handle_client_send(struct cpu *cpu, struct account *account,
					       struct sock *sk, int bytes)
{
	struct thread *thread = this_thread(0);
	struct end *end = client_end(sk);
	struct record record = {};

	if (!thread || !end) {
		account->lost++;
		return;
	}
	end->out += bytes;
	record.at_ns = thread->ready_ns;
	record.cookie = end->cookie;
	record.position = end->out;
	record.bytes = bytes;
	record.thread = bpf_get_current_pid_tgid();
	record.kind = RECORD_QUEUED;
	write_record(account, cpu, &record);
}

/*
 * The clocks of a thread inside a call: on the CPU since it was entered means
 * the time since, less what it was off the CPU meanwhile.
 */
static __always_inline __u64 kernel_clock(struct thread *thread, __u64 now)
{
	return thread->kernel_ns +
	       (thread->enter_ns ? now - thread->enter_ns - off_in_call(thread) : 0);
}

static __always_inline void handle_server_send(struct cpu *cpu, struct account *account,
					       struct sock *sk, int bytes)
{
	struct thread *thread = this_thread(0);
	struct record record = {};
	struct end *end;
	int foreign;

	end = server_end(sk, &foreign);
	if (foreign) {
		account->filtered++;
		return;
	}
	if (!end || !thread) {
		account->lost++;
		return;
	}
	end->out += bytes;
	record.begin_ns = thread->enter_ns;
	record.at_ns = thread->ready_ns;
	record.cookie = end->cookie;
	record.position = end->out;
	/* As it entered the call: a send that blocks must not count as service. */
	record.kernel_ns = thread->kernel_ns;
	record.blocked_ns = thread->blocked_at_enter_ns;
	record.queued_ns = thread->queued_at_enter_ns;
	record.bytes = bytes;
	record.thread = bpf_get_current_pid_tgid();
	record.kind = RECORD_ANSWERED;
	write_record(account, cpu, &record);
}

static __always_inline void handle_server_recv(struct cpu *cpu, struct account *account,
					       struct sock *sk, int bytes)
{
	struct thread *thread = this_thread(BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct record record = {};
	struct end *end;
	int foreign;

	end = server_end(sk, &foreign);
	if (foreign) {
		account->filtered++;
		return;
	}
	if (!end || !thread) {
		account->lost++;
		return;
	}
	end->in += bytes;
	record.begin_ns = thread->enter_ns;
	record.at_ns = bpf_ktime_get_ns();
	record.cookie = end->cookie;
	record.position = end->in;
	record.kernel_ns = kernel_clock(thread, record.at_ns);
	record.blocked_ns = thread->blocked_ns;
	record.queued_ns = thread->queued_ns;
	record.bytes = bytes;
	record.thread = bpf_get_current_pid_tgid();
	record.kind = RECORD_TAKEN;
	write_record(account, cpu, &record);
}

static __always_inline void handle_send_length(struct cpu *cpu, struct sock *sk, int ret)
{
	struct account *account = &cpu->accounts[PROGRAM_SOCK_SEND_LENGTH];
	__u32 tgid = current_tgid();

	account->seen++;
	if (ret <= 0 || (tgid != target_tgid && tgid != client_tgid) || !is_unix(sk))
		account->filtered++;
	else if (tgid == client_tgid)
		handle_client_send(cpu, account, sk, ret);
	else
		handle_server_send(cpu, account, sk, ret);
}

static __always_inline void handle_recv_length(struct cpu *cpu, struct sock *sk, int ret,
					       int flags)
{
	struct account *account = &cpu->accounts[PROGRAM_SOCK_RECV_LENGTH];

	account->seen++;
	/* Bytes that were only peeked at are still to be taken. */
	if (ret <= 0 || current_tgid() != target_tgid || !is_unix(sk) || flags & MSG_PEEK)
		account->filtered++;
	else
		handle_server_recv(cpu, account, sk, ret);
}

#endif
