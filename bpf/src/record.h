/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What leaves the kernel. Nanoseconds of CLOCK_MONOTONIC, bytes, and nothing
 * that is derived from them.
 */
#ifndef IPCPROBE_RECORD_H
#define IPCPROBE_RECORD_H

#include "kernel.h"

enum record_kind {
	RECORD_NONE = 0, /* a slot that nobody wrote */
	RECORD_QUEUED = 1,
	RECORD_TAKEN = 2,
	RECORD_ANSWERED = 3,
	RECORD_DELIVERED = 4,
};

/*
 * One event on one connection. The four clocks are sums of what the calling
 * thread has gone through since the probes first saw it: in a taken record at the
 * moment at_ns, in an answered record at begin_ns, the two ends of a service
 * time. What follows says how the thread came to take, or be delivered, what is
 * recorded; each is 0 if it was not seen.
 */
struct record {
	__u64 begin_ns;	    /* entry of the system call, 0 if it was not seen */
	__u64 at_ns;	    /* the moment that kind names */
	__u64 cookie;	    /* of the client's socket */
	__u64 position;	    /* cursor behind the event's last byte */
	__u64 kernel_ns;    /* on a CPU inside system calls */
	__u64 blocked_ns;   /* off the CPU, not runnable */
	__u64 upstream_ns;  /* of that, for an answer on a socket it did not accept */
	__u64 run_queue_ns; /* off the CPU, runnable */
	__u64 slept_ns;	    /* its latest sleep: it left the CPU to wait */
	__u64 woken_ns;	    /* it became runnable */
	__u64 ran_ns;	    /* it was on a CPU again */
	__u64 took_ns;	    /* it took the bytes before these, of any connection */
	__u64 done_ns;	    /* it sent its latest answer */
	__u64 delay_ns;	    /* run-queue delay since took_ns */
	__u32 bytes;
	__u32 thread;
	__u32 kind;
	__u32 slept_in; /* the call in which that sleep was, or a SLEPT_ value */
};

/* In user code: a page fault, a signal. */
#define SLEPT_OUTSIDE  0xffffffff
/* An answer from upstream ended it, whatever the call. */
#define SLEPT_UPSTREAM 0xfffffffe

#define STACK_DEPTH 127

/* In the address of a user frame: the code stopped there, and has not called. */
#define FRAME_EXACT (1ULL << 63)

enum sample_kind {
	SAMPLE_NONE = 0,
	SAMPLE_CPU = 1,	 /* found on a CPU by the clock */
	SAMPLE_OFF = 2,	 /* leaves its CPU; an absence follows when it is back */
	SAMPLE_CALL = 3, /* enters a system call */
};

/*
 * One sample: the stack of the thread that runs, or that is about to leave. Only
 * the frames that there are leave the kernel.
 */
struct sample {
	__u64 at_ns;
	__u32 thread;
	__u32 kind;   /* enum sample_kind */
	__u32 number; /* the system call that is entered, or left the CPU in */
	__u32 weight; /* how many like it this one stands for */
	__u32 kernel_frames;
	__u32 user_frames; /* behind them */
	__u32 end;	   /* enum unwind_end: how the walk ended */
	__u32 pad;
	__u64 frames[2 * STACK_DEPTH + 2]; /* leaf first; a power of two */
};

/* The end of a stay off the CPU whose begin was a sample. */
struct absence {
	__u64 off_ns;	/* at_ns of that sample */
	__u64 woken_ns; /* it became runnable */
	__u64 ran_ns;	/* it is on a CPU again */
	__u32 thread;
	__u32 slept_in; /* the call in which it slept, or a SLEPT_ value */
};

/*
 * Durations are counted in buckets that double every BUCKETS_PER_OCTAVE, as in
 * an HDR histogram: a bucket is at most 1/16 of its lower bound wide. The last
 * bucket takes everything from 2^36 ns (69 s) up.
 */
#define OCTAVE_BITS 4
#define OCTAVES	    33
#define BUCKETS	    ((OCTAVES + 1) << OCTAVE_BITS)

/* errno values above the last named one (133) are kernel-internal restarts. */
#define ERRNOS 135

/* What is kept of a call for all threads together: see thread_call for the rest. */
struct call_table {
	__u64 off_cpu_ns;
	__u64 idle_ns;	 /* of that by threads with no request in hand */
	__u64 asleep_ns; /* of that, by others, blocked and not for upstream */
	__u32 duration[BUCKETS];
	__u32 errors[ERRNOS];
	__u32 pad;
};

#define CALLS 512

/*
 * Calls by thread; their sums over all slots are the call's. Slot 0 is of the
 * threads that came when all others were given away.
 */
#define SLOTS 64

struct thread_call {
	__u64 calls;
	__u64 total_ns;
	__u64 bytes; /* sum of positive returns: bytes only for calls that move some */
	__u64 failed;
};

/* Whose a slot is. */
struct slot_owner {
	__u32 thread;
	__u32 process;
	char name[16];
};

/* seen = emitted + filtered + lost, for each program on each CPU. */
enum program {
	PROGRAM_SK_DATA_READY,
	PROGRAM_SOCK_SEND_LENGTH,
	PROGRAM_SOCK_RECV_LENGTH,
	PROGRAM_SYS_ENTER,
	PROGRAM_SYS_EXIT,
	PROGRAM_SCHED_SWITCH,
	PROGRAM_SCHED_WAKEUP,
	PROGRAM_SCHED_WAKING,
	PROGRAM_CPU_SAMPLE,
	PROGRAM_SCHED_FORK,
	PROGRAM_OFF_CPU_STACK, /* within sched_switch */
	PROGRAM_CALL_STACK,    /* within sys_enter */
	PROGRAM_CONSUME_SKB,
	PROGRAMS,
};

/* What went over sockets that the target did not accept, while counting. */
struct upstream {
	__u64 sends;
	__u64 bytes_out;
	__u64 receives;
	__u64 bytes_in;
	__u64 round_trips; /* receives on a connection on which something had been sent */
};

/*
 * What others' clients and the target did on its accepted connections, while
 * counting: answers = timed + piped + streamed + unclear.
 */
struct traffic {
	__u64 answers;	/* of which the first send was seen, behind a receive */
	__u64 timed;	/* their legs were counted */
	__u64 piped;	/* more was received before them than they answer */
	__u64 streamed; /* the server paused between their sends */
	__u64 unclear;	/* their send call was not seen to begin */
	__u64 pieces;	/* answers to requests that came in several pieces */
	__u64 parts;	/* answers of several sends */
	__u64 pushes;	/* sends that nobody was seen to ask for */
	__u64 sends;
	__u64 bytes_out;
	__u64 receives;
	__u64 bytes_in;
	/* Since the probes were loaded, counting or not. */
	__u64 connections;
	__u64 piped_connections;
	__u64 streamed_connections;
	__u64 lean_sends; /* while nothing else was done */
};

struct account {
	__u64 seen;
	__u64 emitted;
	__u64 filtered;
	__u64 lost;
};

#endif
