/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where new memory comes from. Page faults of the target's user code are counted,
 * and its brk, mmap, munmap and mremap with the bytes by which its address space
 * grew, both by call path. Raw tracepoints: they need no type information of the
 * kernel's programs and are there on every rung.
 */
#include "origin.h"

/* For the bindings that bpf2go makes. */
const struct origin *unused_origin __attribute__((unused));
const struct origin_key *unused_origin_key __attribute__((unused));
const struct path *unused_path __attribute__((unused));
const struct sums *unused_sums __attribute__((unused));
const enum origin_kind *unused_origin_kind __attribute__((unused));

/*
 * A walk at most each so many ns on a CPU: 1 to 2 us each, so that a server which
 * touches a page in each request stays inside the budget. A walk stands for the
 * faults since the one before on its CPU.
 */
#define WALK_EVERY_NS 50000

struct pace {
	__u64 walked_ns;
	__u64 since; /* faults */
};

/* Key: 0. Written and read by the page fault probe only. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pace);
} pace SEC(".maps");

/* The target's break, where known. Set by user space before the probes attach. */
__u64 last_brk = 0;

/* Calls by which its address space changed. Read by user space. */
__u64 changes = 0;

#if defined(__TARGET_ARCH_x86)
enum { CALL_MMAP = 9, CALL_MUNMAP = 11, CALL_BRK = 12, CALL_MREMAP = 25 };
#define SECOND(r) (&(r)->si)
#define THIRD(r)  (&(r)->dx)
#else
enum { CALL_BRK = 214, CALL_MUNMAP = 215, CALL_MREMAP = 216, CALL_MMAP = 222 };
#define SECOND(r) (&(r)->x[1])
#define THIRD(r)  (&(r)->x[2])
#endif

static __always_inline __u64 number_of(struct user_registers *at)
{
#if defined(__TARGET_ARCH_x86)
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &at->orig_ax);
#else
	__u32 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &at->call);
#endif
	return number;
}

static __always_inline __u64 word(__u64 *at)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), at);
	return value;
}

static __always_inline int by_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target_tgid;
}

/* args: address, registers, error code */
SEC("raw_tp/page_fault_user")
int touched(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 now, count;
	__u32 zero = 0;
	struct pace *p;

	if (!by_target())
		return 0;
	__sync_fetch_and_add(&totals.seen, 1);
	p = bpf_map_lookup_elem(&pace, &zero);
	if (!p)
		return 0;
	now = bpf_ktime_get_ns();
	count = ++p->since;
	if (now - p->walked_ns < WALK_EVERY_NS)
		return 0;
	p->walked_ns = now;
	p->since = 0;
	add_origin(ctx, ORIGIN_FAULT, count, 0);
	return 0;
}

/* args: registers, result */
SEC("raw_tp/sys_exit")
int grown(struct bpf_raw_tracepoint_args *ctx)
{
	struct user_registers *at = (struct user_registers *)ctx->args[0];
	__u64 ret = ctx->args[1], before;
	__s64 bytes;
	__u32 kind;

	if (!by_target())
		return 0;
	switch (number_of(at)) {
	case CALL_MMAP:
		kind = ORIGIN_MMAP;
		bytes = word(SECOND(at));
		break;
	case CALL_MUNMAP:
		kind = ORIGIN_MUNMAP;
		bytes = -word(SECOND(at));
		break;
	case CALL_MREMAP:
		kind = ORIGIN_MREMAP;
		bytes = word(THIRD(at)) - word(SECOND(at));
		break;
	case CALL_BRK:
		kind = ORIGIN_BRK;
		before = last_brk;
		last_brk = ret;
		bytes = before ? ret - before : 0;
		if (!bytes) /* it only asks */
			return 0;
		break;
	default:
		return 0;
	}
	if (ret >= -4095UL)
		return 0; /* it failed */
	__sync_fetch_and_add(&totals.seen, 1);
	__sync_fetch_and_add(&changes, 1);
	add_origin(ctx, kind, 1, bytes);
	return 0;
}

char dual_license[] SEC("license") = "Dual BSD/GPL";
