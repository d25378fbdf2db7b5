/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Queued, taken, answered: the moments of a request on its socket.
 *
 *   queued    sk_data_ready in the client's send: bytes stand in the server's queue
 *   taken     sock_recv_length in the server: recv returns with bytes
 *   answered  entry of the server's send call, and sock_send_length at its end
 *
 * sk_data_ready names the receiver's socket and no length; sock_send_length, at
 * the end of the same call, names the sender's socket and the bytes. So the
 * first leaves its stamp with the client's thread and the second makes the
 * record. Of the server's sends the begin is what counts, so they are spared
 * the first.
 */
#ifndef IPCPROBE_SOCKET_H
#define IPCPROBE_SOCKET_H

#include "tape.h"
#include "upstream.h"
#include "datagram.h"
#include "watch.h"

/* The client's own end: it makes the connection known. */
static __always_inline struct end *client_end(struct sock *sk)
{
	struct end *end = end_of(sk, CREATE);

	if (end && !end->cookie)
		end->cookie = socket_cookie(sk);
	return end;
}

static __always_inline void handle_data_ready(struct cpu *cpu, struct sock *sk)
{
	struct account *account = &cpu->accounts[PROGRAM_SK_DATA_READY];
	struct thread *thread;
	__u32 tgid;

	account->seen++;
	if (watching) {
		watch_data_ready(cpu, account, sk);
		return;
	}
	tgid = current_tgid();
#if TYPED
	if (is_target(tgid) && is_datagram(sk)) {
		handle_answered(account, sk);
		return;
	}
#endif
	/* A packet of some other socket can be received in an interrupt of ours. */
	if (tgid != client_tgid || !is_unix(sk)) {
		account->filtered++;
		return;
	}
	thread = this_thread(CREATE);
	if (!thread) {
		account->lost++;
		return;
	}
	thread->ready_ns = bpf_ktime_get_ns();
	account->emitted++;
#if !TYPED
	/* The server may take the bytes before this send has ended. */
	if (unix_peer(sk))
		client_end(unix_peer(sk));
#endif
}

/*
 * The process at the other end of a Unix socket: of a connection the one that
 * listened, of a pair the one that made it.
 */
static __always_inline __u32 peer_process(struct sock *sk)
{
	struct pid *pid = FIELD(sk, sk_peer_pid);

	return pid ? FIELD(pid, numbers[0].nr) : 0;
}

/*
 * The owner of a socket of the target's, and its storage if it is the load's.
 * An accepted Unix socket has its listener's name, one that connects has none. Nor
 * has a pair, with which a server talks to itself.
 */
static __always_inline enum owner owner_of(struct sock *sk, struct end **end)
{
	struct sock *peer;
	struct end *other;

	*end = NULL;
	if (!is_unix(sk))
		return owner_of_inet(sk);
	*end = end_of(sk, 0);
	if (*end)
		return OWNER_LOAD;
	peer = unix_peer(sk);
	if (!peer)
		return OWNER_OTHER;
	if (!unix_name(sk))
		return is_target(peer_process(sk)) ? OWNER_OTHER : OWNER_UPSTREAM;
	other = end_of(peer, 0);
	if (!other)
		return OWNER_OTHER;
	*end = end_of(sk, CREATE);
	if (!*end)
		return OWNER_UNKNOWN;
	(*end)->cookie = other->cookie;
	return OWNER_LOAD;
}

/* The next slot of the tape, emptied; its loss or gain is accounted for. */
static __always_inline struct record *new_record(struct account *account, struct cpu *cpu)
{
	struct record *record = tape_next(cpu);

	if (!record) {
		account->lost++;
		return NULL;
	}
	account->emitted++;
	__builtin_memset(record, 0, sizeof(*record));
	record->thread = bpf_get_current_pid_tgid();
	return record;
}

static __always_inline void handle_client_send(struct cpu *cpu, struct account *account,
					       struct sock *sk, int bytes)
{
	/* Where sk_data_ready is not seen, nothing has made it yet. */
	struct thread *thread = this_thread(RUNG == RUNG_SYSCALL ? CREATE : 0);
	struct end *end = client_end(sk);
	struct record *record;

	if (!end) {
		account->lost++;
		return;
	}
	end->out += bytes;
	/* Its sk_data_ready was lost and counted, or came before the probes did. */
	if (!thread) {
		account->filtered++;
		return;
	}
	if (RUNG == RUNG_SYSCALL) { /* not seen: when they were queued */
		account->emitted++;
		return;
	}
	record = new_record(account, cpu);
	if (!record)
		return;
	record->at_ns = thread->ready_ns;
	record->cookie = end->cookie;
	record->position = end->out;
	record->bytes = bytes;
	record->kind = RECORD_QUEUED;
}

static __always_inline void tell_sleep(struct record *record, struct thread *thread)
{
	record->slept_ns = thread->slept_ns;
	record->woken_ns = thread->woken_ns;
	record->ran_ns = thread->ran_ns;
	record->slept_in = thread->slept_in;
	thread->rested = 0;
}

static __always_inline void tell_work(struct record *record, struct thread *thread,
				      __u64 now)
{
	record->took_ns = thread->took_ns;
	record->done_ns = thread->done_ns;
	record->delay_ns = thread->run_queue_ns - thread->run_queue_at_took;
	thread->took_ns = now;
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
	struct end *end = end_of(sk, 0);
	struct thread *thread = this_thread(0);
	struct record *record;

	if (!end || !thread || !thread->rested) {
		account->filtered++;
		return;
	}
	record = new_record(account, cpu);
	if (!record)
		return;
	record->at_ns = bpf_ktime_get_ns();
	record->cookie = end->cookie;
	tell_sleep(record, thread);
	record->bytes = bytes;
	record->kind = RECORD_DELIVERED;
}

/*
 * When the send began: with the system call, but io_uring_enter carries out many,
 * one behind the other. Then it is the end of what the thread did before it. A
 * thread of io_uring's own enters no calls: 0.
 */
static __always_inline __u64 send_began(struct thread *thread)
{
	__u64 began = thread->enter_ns;

	if (!began || thread->number != NR_IO_URING_ENTER)
		return began;
	if (thread->took_ns > began)
		began = thread->took_ns;
	return thread->done_ns > began ? thread->done_ns : began;
}

static __always_inline void handle_server_send(struct cpu *cpu, struct account *account,
					       __u64 cookie, __u64 position, int bytes)
{
	struct thread *thread = this_thread(CREATE);
	__u64 now = bpf_ktime_get_ns(), began;
	struct record *record;

	if (!thread) {
		account->lost++;
		return;
	}
	began = send_began(thread);
	thread->done_ns = now;
	record = new_record(account, cpu);
	if (!record)
		return;
	record->begin_ns = began;
	record->at_ns = now;
	record->cookie = cookie;
	record->position = position;
	if (began == thread->enter_ns) {
		/* As it entered: a send that blocks must not count as service. */
		record->kernel_ns = thread->kernel_ns;
		record->blocked_ns = thread->blocked_at_enter_ns;
		record->upstream_ns = thread->upstream_at_enter_ns;
		record->run_queue_ns = thread->run_queue_at_enter_ns;
	} else {
		record->kernel_ns = kernel_clock(thread, now);
		record->blocked_ns = thread->blocked_ns;
		record->upstream_ns = thread->upstream_ns;
		record->run_queue_ns = thread->run_queue_ns;
	}
	/* Where a wait in the service stood, if there was one. */
	record->slept_ns = thread->slept_ns;
	record->woken_ns = thread->woken_ns;
	record->ran_ns = thread->ran_ns;
	record->slept_in = thread->slept_in;
	record->bytes = bytes;
	record->kind = RECORD_ANSWERED;
}

static __always_inline void handle_server_recv(struct cpu *cpu, struct account *account,
					       __u64 cookie, __u64 position, int bytes)
{
	struct thread *thread = this_thread(CREATE);
	__u64 now = bpf_ktime_get_ns();
	struct record *record;

	if (!thread) {
		account->lost++;
		return;
	}
	record = new_record(account, cpu);
	if (!record)
		return;
	record->begin_ns = thread->enter_ns;
	record->at_ns = now;
	record->cookie = cookie;
	record->position = position;
	record->kernel_ns = kernel_clock(thread, now);
	record->blocked_ns = thread->blocked_ns;
	record->upstream_ns = thread->upstream_ns;
	record->run_queue_ns = thread->run_queue_ns;
	tell_sleep(record, thread);
	tell_work(record, thread, now);
	record->bytes = bytes;
	record->kind = RECORD_TAKEN;
}

#if TYPED
/* A message that the target has sent or read on its socket of datagrams. */
static __always_inline void handle_datagram(struct cpu *cpu, struct account *account,
					    int bytes, int sends)
{
	struct thread *thread = this_thread(0);
	__u64 cookie = 0, position;

	if (thread && sends) {
		cookie = thread->to_cookie;
		thread->to_cookie = 0;
	} else if (thread) {
		cookie = thread->from_cookie;
		thread->from_cookie = 0;
	}
	if (!cookie) {
		account->filtered++; /* another client's */
		return;
	}
	if (!sends) {
		/* All of it is taken, read or not. */
		handle_server_recv(cpu, account, cookie, thread->from_position,
				   thread->from_bytes);
		return;
	}
	position = answered_to(cookie, bytes);
	if (position)
		handle_server_send(cpu, account, cookie, position, bytes);
	else
		account->lost++;
}
#endif

/* Bytes that the target has sent or read, where sends is a constant. */
static __always_inline void handle_target(struct cpu *cpu, struct account *account,
					  struct sock *sk, int bytes, int sends)
{
	struct end *end;

	if (watching) {
		watch_target(cpu, account, sk, bytes, sends);
		return;
	}
#if TYPED
	if (is_datagram(sk)) {
		handle_datagram(cpu, account, bytes, sends);
		return;
	}
#endif
	switch (owner_of(sk, &end)) {
	case OWNER_LOAD:
		if (sends)
			handle_server_send(cpu, account, end->cookie,
					   FETCH_ADD(&end->out, bytes) + bytes, bytes);
		else
			handle_server_recv(cpu, account, end->cookie,
					   FETCH_ADD(&end->in, bytes) + bytes, bytes);
		break;
	case OWNER_UPSTREAM:
		account->emitted++;
		if (sends)
			handle_upstream_send(cpu, sk, bytes);
		else
			handle_upstream_recv(cpu, sk, bytes);
		break;
	case OWNER_OTHER:
		account->filtered++;
		break;
	default:
		account->lost++;
	}
}

static __always_inline void handle_send_length(struct cpu *cpu, struct sock *sk, int ret)
{
	struct account *account = &cpu->accounts[PROGRAM_SOCK_SEND_LENGTH];
	__u32 tgid = current_tgid();

	account->seen++;
	if (ret > 0 && is_target(tgid))
		handle_target(cpu, account, sk, ret, 1);
	else if (ret > 0 && tgid == client_tgid && is_unix(sk))
		handle_client_send(cpu, account, sk, ret);
	else
		account->filtered++;
}

static __always_inline void handle_recv_length(struct cpu *cpu, struct sock *sk, int ret,
					       int flags)
{
	struct account *account = &cpu->accounts[PROGRAM_SOCK_RECV_LENGTH];
	__u32 tgid = current_tgid();

	account->seen++;
	/* Bytes that were only peeked at are still to be taken. */
	if (ret > 0 && !(flags & MSG_PEEK) && is_target(tgid))
		handle_target(cpu, account, sk, ret, 0);
	else if (ret > 0 && !(flags & MSG_PEEK) && tgid == client_tgid)
		handle_client_recv(cpu, account, sk, ret);
	else
		account->filtered++;
}

#endif
