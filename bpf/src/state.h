/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the probes remember between two events: of a thread in task storage, of
 * a socket in socket storage, of a CPU in an array. While a thread runs its state is
 * loaded onto its CPU; else nothing of a thread or socket is kept per CPU, because
 * threads move. Untyped programs keep threads and sockets in hash maps.
 */
#ifndef IPCPROBE_STATE_H
#define IPCPROBE_STATE_H

#include "record.h"

/* Set before the object is loaded. Thread-group ids in the root namespace. */
const volatile __u32 target_tgid = 0;
const volatile __u32 client_tgid = 0;

/* Whether processes that the target forks count as the target. */
const volatile __u32 follow_children = 0;

/*
 * Local TCP ports on which the target listens: a connection on one of them was
 * accepted, any other was opened by the target. Unused places are 0.
 */
#define PORTS 16
const volatile __u16 listening[PORTS] = {};

/*
 * Number of the probed slice. Set by user space before the probes attach. What
 * a thread was doing when they last came off says nothing about now.
 */
__u32 slice = 0;

/*
 * Whether calls and samples count. The probes are on a little longer than the
 * slice, while connections settle; what is counted is divided by the requests
 * of the slice alone. Set by user space.
 */
__u32 counting = 0;

/*
 * Whether stacks are taken that user space throws away: while the cost of the
 * programs is measured, which without them would be too low. Set by user space.
 */
__u32 rehearsing = 0;

/* When the target last read from upstream, in any thread. */
__u64 upstream_read_ns = 0;

/*
 * The target's children and theirs. Key: thread-group id. Value: nothing.
 * Written by user space before the slice and by sched_process_fork in it, read
 * by all probes. When it is full a child is lost and counted so.
 */
#define FAMILY 4096

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FAMILY);
	__type(key, __u32);
	__type(value, __u8);
} family SEC(".maps");

static __always_inline int is_target(__u32 tgid)
{
	return tgid == target_tgid ||
	       (follow_children && bpf_map_lookup_elem(&family, &tgid));
}

/*
 * A thread of the target, or one of the client's.
 * Key: task. Value: this. Written and read by the probes only. Storage dies
 * with its task, so the map has no size to exhaust; an allocation that fails is
 * counted as lost by the program that wanted it.
 */
struct thread {
	/* The call in progress. */
	__u64 number;
	__u64 enter_ns;		   /* 0 outside a call */
	__u64 ready_ns;		   /* it made a receiver ready: see socket.h */
	__u64 blocked_at_enter_ns; /* the sums below when it was entered */
	__u64 upstream_at_enter_ns;
	__u64 run_queue_at_enter_ns;

	/* Sums. */
	__u64 kernel_ns;    /* on a CPU inside finished calls */
	__u64 blocked_ns;   /* off the CPU, not runnable */
	__u64 upstream_ns;  /* of that, for an answer from upstream */
	__u64 run_queue_ns; /* off the CPU, runnable */

	/* Off the CPU now. */
	__u64 off_ns;	   /* since when; 0 while it runs */
	__u64 runnable_ns; /* since when it is runnable; 0 if it is blocked */
	__u64 followed_ns; /* off_ns, if a stack was taken then */

	/* The latest sleep that is over. */
	__u64 slept_ns;
	__u64 woken_ns;
	__u64 ran_ns;

	/* Datagrams: whose message it has just taken or sent, 0 for nobody's. */
	__u64 from_cookie;
	__u64 from_position;
	__u64 from_bytes;
	__u64 to_cookie;

	/* Its latest work. */
	__u64 took_ns;		 /* it took a request's bytes */
	__u64 done_ns;		 /* it sent an answer's */
	__u64 run_queue_at_took; /* run_queue_ns then */

	__u64 settled_ns; /* blocked_ns up to which upstream_ns has been told apart */
	__u32 off_in;	  /* call in which it left the CPU, or SLEPT_OUTSIDE */
	__u32 slept_in;	  /* the same of the latest sleep, or SLEPT_UPSTREAM */
	__u32 slice;	  /* of enter_ns, ready_ns, off_ns and the latest sleep */
	__u32 slot;	  /* its place in the calls by thread, and 1; 0: none yet */
	__u32 calls_left; /* calls until the next whose stack is taken */
	__u32 calls_gap;  /* from the one before to that one; 0: none was drawn */
	__u32 pending;	  /* place on the tape, and 1, of what the call's end completes */
	__u32 pending_kind; /* enum record_kind */
	__u8 heard;	    /* has read from upstream, or was told, since it last slept */
	__u8 answered_by;   /* was woken by a thread that had */
	__u8 asked;	    /* has sent upstream since it took a request */
	__u8 woken_by_own;  /* was woken by a thread of the target */
	__u8 rested;	    /* has slept since its last record */
	__u8 transferred;   /* what the call in progress sent or read was seen */
	__u8 calls_shift;   /* call_shift when calls_gap was drawn */
	__u8 pad[1];
};

#if TYPED
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");
#else
/*
 * Key: thread id. Twice as many as a server of 8,000 threads has; one that finds
 * no place is counted as lost by the program that wanted it. User space takes out
 * those that have ended, before each slice.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct thread);
} threads SEC(".maps");
#endif

/*
 * An end of a measured connection. A socket without this storage belongs to
 * somebody else. Key: socket. Written and read by the probes only.
 */
struct end {
	__u64 cookie; /* of the client's end, on both ends */
	__u64 out;    /* bytes this end has sent since the probes first saw it */
	__u64 in;     /* bytes this end has read since */
};

#if TYPED
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct end);
} ends SEC(".maps");
#else
/*
 * Key: address of the socket. Both ends of 8,000 connections, twice. When it is
 * full, what was idle longest goes; its requests then find no partner.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct end);
} ends SEC(".maps");
#endif

#define NOBODY 0xffffffff /* in running: no thread has this number */

/*
 * The accounts of all programs, the CPU's place on the tape and the state of the
 * thread that it runs. Key: number of the CPU. Written by the probes of that CPU, read
 * and reset by user space, which has it mapped: a lookup by system call keeps the
 * probes on perf events from running on its CPU until it returns, and it can be
 * preempted for as long as the target likes.
 */
struct cpu {
	struct thread thread; /* of running */
	__u64 tape;	      /* chunk << 16 | slots used in it */
	__u32 running;	      /* whose state is loaded: see this_thread */
	__u32 pad;
	struct account accounts[PROGRAMS];
	struct upstream upstream;
	struct traffic traffic;
} __attribute__((aligned(64)));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set by user space */
	__type(key, __u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

static __always_inline struct cpu *this_cpu(void)
{
	__u32 number = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpus, &number);
}

static __always_inline __u32 current_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* Flag of the lookups below: make what is not there. */
#define CREATE BPF_LOCAL_STORAGE_GET_F_CREATE

/* What a thread was doing in another slice says nothing about this one. */
static __always_inline struct thread *in_this_slice(struct thread *thread)
{
	if (thread && thread->slice != slice) {
		thread->slice = slice;
		thread->enter_ns = 0;
		thread->ready_ns = 0;
		thread->off_ns = 0;
		thread->followed_ns = 0;
		thread->transferred = 0;
		thread->pending = 0;
		thread->slept_ns = 0;
		thread->woken_ns = 0;
		thread->ran_ns = 0;
		thread->took_ns = 0;
		thread->done_ns = 0;
		thread->run_queue_at_took = thread->run_queue_ns;
		thread->settled_ns = thread->blocked_ns;
	}
	return thread;
}

#if TYPED
/*
 * Whether a program can be preempted in the midst of its work, by a thread whose
 * programs then run on this CPU. Set before the object is loaded.
 */
const volatile __u32 preemptible = 0;

/* The state of a thread that is off the CPU, or about to be on one. */
static __always_inline struct thread *thread_of(struct task_struct *task, __u64 flags)
{
	return in_this_slice(bpf_task_storage_get(&threads, task, 0, flags));
}

static __noinline int load_thread(struct cpu *cpu, __u64 flags)
{
	struct thread *thread;

	thread = thread_of((struct task_struct *)bpf_get_current_task_btf(), flags);
	if (!thread)
		return 0;
	cpu->thread = *thread;
	cpu->running = bpf_get_current_pid_tgid();
	return 1;
}

/*
 * The state of the thread that runs. Its storage takes longer to find than to read, so
 * the first program that wants it after a switch loads it onto the CPU, as the kernel
 * does with registers, and sched_switch stores it where the thread leaves.
 */
static __always_inline struct thread *this_thread(struct cpu *cpu, __u64 flags)
{
	if (preemptible)
		return thread_of((struct task_struct *)bpf_get_current_task_btf(), flags);
	if (cpu->running != (__u32)bpf_get_current_pid_tgid() && !load_thread(cpu, flags))
		return NULL;
	return &cpu->thread;
}

/* Stores what was loaded, of the thread that runs. */
static __always_inline void store_thread(struct cpu *cpu)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct thread *thread;

	if (preemptible)
		return;
	thread = bpf_task_storage_get(&threads, task, 0, 0);
	if (thread)
		*thread = cpu->thread;
}

static __always_inline struct end *end_of(struct sock *sk, __u64 flags)
{
	return bpf_sk_storage_get(&ends, sk, 0, flags);
}
#else
static const struct thread new_thread = {};

static __always_inline struct thread *thread_by_id(__u32 id, __u64 flags)
{
	struct thread *thread = bpf_map_lookup_elem(&threads, &id);

	if (!thread && flags & CREATE) {
		bpf_map_update_elem(&threads, &id, &new_thread, BPF_NOEXIST);
		thread = bpf_map_lookup_elem(&threads, &id);
	}
	return in_this_slice(thread);
}

static __always_inline struct thread *thread_of(struct task_struct *task, __u64 flags)
{
	return thread_by_id(FIELD(task, pid), flags);
}

static __always_inline struct thread *this_thread(struct cpu *cpu, __u64 flags)
{
	return thread_by_id(bpf_get_current_pid_tgid(), flags);
}

static __always_inline void store_thread(struct cpu *cpu)
{
}

/* Whether it was made for this socket, and not for one before it at its address. */
static __always_inline int is_end_of(struct end *end, struct sock *sk)
{
	struct sock *peer;

	if (end->cookie == socket_cookie(sk))
		return 1;
	peer = unix_peer(sk);
	return !peer || end->cookie == socket_cookie(peer);
}

static __always_inline struct end *end_of(struct sock *sk, __u64 flags)
{
	struct end *end = bpf_map_lookup_elem(&ends, &sk), fresh = {};

	if (end && end->cookie && !is_end_of(end, sk)) {
		bpf_map_delete_elem(&ends, &sk);
		end = NULL;
	}
	if (!end && flags & CREATE) {
		bpf_map_update_elem(&ends, &sk, &fresh, BPF_NOEXIST);
		end = bpf_map_lookup_elem(&ends, &sk);
	}
	return end;
}
#endif

/* Time off the CPU since the call in progress was entered. */
static __always_inline __u64 off_in_call(struct thread *thread)
{
	return thread->blocked_ns - thread->blocked_at_enter_ns + thread->run_queue_ns -
	       thread->run_queue_at_enter_ns;
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

#endif
