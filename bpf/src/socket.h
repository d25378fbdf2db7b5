/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Queued, taken, answered: the moments of a request on its socket.
 *
 *   queued    in the client's send: bytes stand in the server's queue
 *   taken     sock_recv_length in the server says what: the call returns with bytes
 *   answered  entry of the server's send call; sock_send_length says what it sent
 *
 * Queued is the instant at which the send makes the receiver ready. sk_data_ready
 * tells it, but at the server's sends too, of which nobody wants to know: a fiftieth
 * of a saturated server's time. So typed programs do without it on a stream. A server
 * that sleeps is woken in the same place, which sched_waking sees. One that does not
 * sleep has the bytes a few hundred ns before the send's end, at sock_send_length,
 * which makes the record.
 *
 * Untyped programs have to make the server's end known before the server takes
 * anything from it, and hang on sk_data_ready. It names the receiver's socket and no
 * length; sock_send_length names the sender's and the bytes. So the first leaves its
 * stamp with the client's thread and the second makes the record. Of the server's
 * sends the begin is what counts, so they are spared the first.
 */
#ifndef IPCPROBE_SOCKET_H
#define IPCPROBE_SOCKET_H

#include "pending.h"
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
		handle_answered(cpu, account, sk);
		return;
	}
#endif
	/* A packet of some other socket can be received in an interrupt of ours. */
	if (tgid != client_tgid || !is_unix(sk)) {
		account->filtered++;
		return;
	}
	thread = this_thread(cpu, CREATE);
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

/* The owner of a socket of the target's, and its storage if it is the load's. */
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
		return owner_of_nameless(sk);
	other = end_of(peer, 0);
	if (!other)
		return OWNER_OTHER;
	*end = end_of(sk, CREATE);
	if (!*end)
		return OWNER_UNKNOWN;
	(*end)->cookie = other->cookie;
	return OWNER_LOAD;
}

/*
 * When the last byte of a send that ends now was queued. A send of several buffers
 * may have woken the server with its first. unix_stream_sendmsg makes them of half
 * of the send buffer less 64 bytes, or of 32 KiB in pages.
 */
static __always_inline __u64 queued_at(struct thread *thread, struct sock *sk, int bytes)
{
	__u64 ready = thread->ready_ns;

	if (!TYPED)
		return ready;
	thread->ready_ns = 0;
	if (!ready || bytes > 32768 || bytes + 64 > FIELD(sk, sk_sndbuf) >> 1)
		return bpf_ktime_get_ns();
	return ready;
}

static __always_inline void handle_client_send(struct cpu *cpu, struct account *account,
					       struct sock *sk, int bytes)
{
	/* Where sk_data_ready is not seen, nothing has made the thread's state yet. */
	const int first = TYPED || RUNG == RUNG_SYSCALL;
	struct thread *thread = this_thread(cpu, first ? CREATE : 0);
	struct end *end = client_end(sk);
	struct record *record;

	if (!end) {
		account->lost++;
		return;
	}
	end->out += bytes;
	if (!thread) {
		if (first)
			account->lost++;
		else /* its sk_data_ready was lost and counted, or came before us */
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
	record->at_ns = queued_at(thread, sk, bytes);
	record->cookie = end->cookie;
	record->position = end->out;
	record->bytes = bytes;
	record->kind = RECORD_QUEUED;
}

/*
 * The client reads. Only the first read after a sleep is recorded: it tells how
 * the client came to be there, for this answer and those it reads after it.
 */
static __always_inline void handle_client_recv(struct cpu *cpu, struct account *account,
					       struct sock *sk, int bytes)
{
	struct thread *thread = this_thread(cpu, 0);
	struct record *record;
	struct end *end;

	if (!thread || !thread->rested) {
		account->filtered++;
		return;
	}
	end = end_of(sk, 0);
	if (!end) {
		account->filtered++;
		return;
	}
	record = new_record(account, cpu);
	if (!record)
		return;
	record->at_ns = bpf_ktime_get_ns();
	record->cookie = end->cookie;
	tell_sleep(record, thread);
	thread->rested = 0;
	record->bytes = bytes;
	record->kind = RECORD_DELIVERED;
}

/* Bytes of a client's that the target has sent or read. */
static __always_inline void handle_server(struct cpu *cpu, struct account *account,
					  __u64 cookie, __u64 position, int bytes,
					  enum record_kind kind)
{
	struct thread *thread = this_thread(cpu, CREATE);
	struct record *record;
	__u32 place;

	if (!thread) {
		account->lost++;
		return;
	}
	record = take_record(account, cpu, &place);
	if (!record)
		return;
	record->cookie = cookie;
	record->position = position;
	record->bytes = bytes;
	record->thread = bpf_get_current_pid_tgid();
	record->kind = RECORD_NONE;
	if (begin_pending(thread, place, kind))
		return;
	end_record(record, thread, kind, bpf_ktime_get_ns());
}

#if TYPED
/* A message that the target has sent or read on its socket of datagrams. */
static __always_inline void handle_datagram(struct cpu *cpu, struct account *account,
					    int bytes, int sends)
{
	struct thread *thread = this_thread(cpu, 0);
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
		handle_server(cpu, account, cookie, thread->from_position,
			      thread->from_bytes, RECORD_TAKEN);
		return;
	}
	position = answered_to(cookie, bytes);
	if (position)
		handle_server(cpu, account, cookie, position, bytes, RECORD_ANSWERED);
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
			handle_server(cpu, account, end->cookie,
				      FETCH_ADD(&end->out, bytes) + bytes, bytes,
				      RECORD_ANSWERED);
		else
			handle_server(cpu, account, end->cookie,
				      FETCH_ADD(&end->in, bytes) + bytes, bytes,
				      RECORD_TAKEN);
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
