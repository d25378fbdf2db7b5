/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Records of the target's that the end of its system call completes. The socket's
 * hooks run within the call and know what was transferred; when it returns is for
 * sys_exit, which reads the clock anyway: a reading is dearer than all else in
 * these programs. Where no plain call is in progress (io_uring), or one transfers
 * several times (sendmmsg, sendfile), the socket's hook reads it.
 */
#ifndef IPCPROBE_PENDING_H
#define IPCPROBE_PENDING_H

#include "tape.h"
#include "transfer.h"

static __always_inline void tell_clocks(struct record *record, struct thread *thread,
					__u64 now)
{
	record->kernel_ns = kernel_clock(thread, now);
	record->blocked_ns = thread->blocked_ns;
	record->upstream_ns = thread->upstream_ns;
	record->run_queue_ns = thread->run_queue_ns;
}

static __always_inline void tell_sleep(struct record *record, struct thread *thread)
{
	record->slept_ns = thread->slept_ns;
	record->woken_ns = thread->woken_ns;
	record->ran_ns = thread->ran_ns;
	record->slept_in = thread->slept_in;
}

static __always_inline void end_taken(struct record *record, struct thread *thread,
				      __u64 now)
{
	record->begin_ns = thread->enter_ns;
	tell_clocks(record, thread, now);
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

static __always_inline void end_answered(struct record *record, struct thread *thread,
					 __u64 now)
{
	__u64 began = send_began(thread);

	thread->done_ns = now;
	record->begin_ns = began;
	if (began == thread->enter_ns) {
		/* As it entered: a send that blocks must not count as service. */
		record->kernel_ns = thread->kernel_ns;
		record->blocked_ns = thread->blocked_at_enter_ns;
		record->upstream_ns = thread->upstream_at_enter_ns;
		record->run_queue_ns = thread->run_queue_at_enter_ns;
	} else {
		tell_clocks(record, thread, now);
	}
	record->took_ns = 0;
	record->done_ns = 0;
	record->delay_ns = 0;
}

/* All of a record that depends on the moment. */
static __always_inline void end_record(struct record *record, struct thread *thread,
				       __u32 kind, __u64 now)
{
	/* Of an answer: where a wait in the service stood, if there was one. */
	tell_sleep(record, thread);
	if (kind == RECORD_TAKEN)
		end_taken(record, thread, now);
	else
		end_answered(record, thread, now);
	record->at_ns = now;
	record->kind = kind;
}

/* Completes what the thread's call has transferred, if it has. */
static __always_inline void end_pending(struct thread *thread, __u64 now)
{
	struct record *record;
	__u32 place;

	if (!thread->pending)
		return;
	place = thread->pending - 1;
	thread->pending = 0;
	record = bpf_map_lookup_elem(&tape, &place);
	if (record)
		end_record(record, thread, thread->pending_kind, now);
}

/* Leaves a record to the end of the call, or says that nobody will complete it. */
static __always_inline int begin_pending(struct thread *thread, __u32 place, __u32 kind)
{
	if (!thread->enter_ns || thread->pending ||
	    (!sends(thread->number) && !receives(thread->number)))
		return 0;
	thread->pending = place + 1;
	thread->pending_kind = kind;
	return 1;
}

/* The next record of the tape and its place; its loss or gain is accounted for. */
static __always_inline struct record *take_record(struct account *account,
						  struct cpu *cpu, __u32 *place)
{
	struct record *record;

	*place = tape_next(cpu);
	record = bpf_map_lookup_elem(&tape, place);
	if (record)
		account->emitted++;
	else
		account->lost++;
	return record;
}

/* The same, emptied. */
static __always_inline struct record *new_record(struct account *account, struct cpu *cpu)
{
	__u32 place;
	struct record *record = take_record(account, cpu, &place);

	if (!record)
		return NULL;
	__builtin_memset(record, 0, sizeof(*record));
	record->thread = bpf_get_current_pid_tgid();
	return record;
}

#endif
