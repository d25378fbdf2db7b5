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

static __always_inline void tell_sleep(struct record *record, struct thread *thread)
{
	record->slept_ns = thread->slept_ns;
	record->woken_ns = thread->woken_ns;
	record->ran_ns = thread->ran_ns;
	record->slept_in = thread->slept_in;
	thread->rested = 0;
}

static __always_inline void tell_work(struct record *record, struct thread *thread)
{
	record->took_ns = thread->took_ns;
	record->done_ns = thread->done_ns;
	record->delay_ns = thread->run_queue_ns - thread->run_queue_at_took;
	thread->took_ns = record->at_ns;
	thread->asked = 0;
	thread->run_queue_at_took = thread->run_queue_ns;
	/* What it waited for until now was work, not upstream. */
	thread->settled_ns = thread->blocked_ns;
}

/*
 * The client reads. Only the first read after a sleep is recorded: it tells how
 * the client came to be there, for this answer and those it reads after it.
 */
static __always_inline void handle_client_recv(struct cpu *cpu, struct account *account,
					       struct sock *sk, int bytes)
{
	struct thread *thread = this_thread(0);
	struct record record = {};
	struct end *end;

	end = bpf_sk_storage_get(&ends, sk, 0, 0);
	if (!end || !thread || !thread->rested) {
		account->filtered++;
		return;
	}
	record.at_ns = bpf_ktime_get_ns();
	record.cookie = end->cookie;
	tell_sleep(&record, thread);
	record.bytes = bytes;
	record.thread = bpf_get_current_pid_tgid();
	record.kind = RECORD_DELIVERED;
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
	thread->done_ns = record.at_ns;
	record.cookie = end->cookie;
	record.position = end->out;
	/* As it entered the call: a send that blocks must not count as service. */
	record.kernel_ns = thread->kernel_ns;
	record.blocked_ns = thread->blocked_at_enter_ns;
	record.upstream_ns = thread->upstream_at_enter_ns;
	record.run_queue_ns = thread->run_queue_at_enter_ns;
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
	record.upstream_ns = thread->upstream_ns;
	record.run_queue_ns = thread->run_queue_ns;
	tell_sleep(&record, thread);
	tell_work(&record, thread);
	record.bytes = bytes;
	record.thread = bpf_get_current_pid_tgid();
	record.kind = RECORD_TAKEN;
	write_record(account, cpu, &record);
}

/*
 * Whether the target opened this connection, rather than accepted it. An
 * accepted Unix socket has its listener's name, one that connects has none.
 */
static __always_inline int is_upstream(struct sock *sk)
{
	struct unix_sock *own;
	__u16 port;

	if (is_unix(sk)) {
		own = bpf_skc_to_unix_sock(sk);
		return own && !own->addr && own->peer;
	}
	if (sk->__sk_common.skc_family != AF_INET &&
	    sk->__sk_common.skc_family != AF_INET6)
		return 0;
	port = sk->__sk_common.skc_num;
	for (int i = 0; i < PORTS; i++)
		if (listening[i] == port)
			return 0;
	return 1;
}

static __always_inline void handle_upstream_send(struct cpu *cpu, int bytes)
{
	struct thread *thread = this_thread(0);

	if (thread) {
		thread->settled_ns = thread->blocked_ns;
		thread->asked = 1;
	}
	if (counting) {
		cpu->upstream.sends++;
		cpu->upstream.bytes_out += bytes;
	}
}

/* The thread has its answer: it was blocked for it since it asked. */
static __always_inline void handle_upstream_recv(struct cpu *cpu, int bytes)
{
	struct thread *thread = this_thread(0);

	if (thread) {
		if (thread->blocked_ns != thread->settled_ns)
			thread->slept_in = SLEPT_UPSTREAM;
		thread->upstream_ns += thread->blocked_ns - thread->settled_ns;
		thread->settled_ns = thread->blocked_ns;
		thread->heard = 1;
	}
	upstream_read_ns = bpf_ktime_get_ns();
	if (counting) {
		cpu->upstream.receives++;
		cpu->upstream.bytes_in += bytes;
	}
}

static __always_inline void handle_send_length(struct cpu *cpu, struct sock *sk, int ret)
{
	struct account *account = &cpu->accounts[PROGRAM_SOCK_SEND_LENGTH];
	__u32 tgid = current_tgid();

	account->seen++;
	if (ret <= 0 || (tgid != target_tgid && tgid != client_tgid)) {
		account->filtered++;
	} else if (tgid == client_tgid) {
		if (is_unix(sk))
			handle_client_send(cpu, account, sk, ret);
		else
			account->filtered++;
	} else if (is_upstream(sk)) {
		account->emitted++;
		handle_upstream_send(cpu, ret);
	} else if (is_unix(sk)) {
		handle_server_send(cpu, account, sk, ret);
	} else {
		account->filtered++;
	}
}

static __always_inline void handle_recv_length(struct cpu *cpu, struct sock *sk, int ret,
					       int flags)
{
	struct account *account = &cpu->accounts[PROGRAM_SOCK_RECV_LENGTH];
	__u32 tgid = current_tgid();

	account->seen++;
	/* Bytes that were only peeked at are still to be taken. */
	if (ret <= 0 || (tgid != target_tgid && tgid != client_tgid) ||
	    flags & MSG_PEEK) {
		account->filtered++;
	} else if (tgid == client_tgid) {
		handle_client_recv(cpu, account, sk, ret);
	} else if (is_upstream(sk)) {
		account->emitted++;
		handle_upstream_recv(cpu, ret);
	} else if (is_unix(sk)) {
		handle_server_recv(cpu, account, sk, ret);
	} else {
		account->filtered++;
	}
}

#endif
