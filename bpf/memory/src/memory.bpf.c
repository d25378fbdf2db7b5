/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who touches new memory: page faults of the target's user code, by call path. A raw
 * tracepoint: it needs no type information of the kernel's programs and is there on
 * every rung. Who asks for new memory the probe of system calls tells, see growth.h.
 */
#include "origin.h"

/* For the bindings that bpf2go makes. */
const struct origin *unused_origin __attribute__((unused));
const struct origin_key *unused_origin_key __attribute__((unused));
const struct path *unused_path __attribute__((unused));
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

/* args: address, registers, error code */
SEC("raw_tp/page_fault_user")
int touched(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 now, count;
	__u32 zero = 0;
	struct pace *p;

	if (current_tgid() != target_tgid)
		return 0;
	p = bpf_map_lookup_elem(&pace, &zero);
	if (!p)
		return 0;
	now = bpf_ktime_get_ns();
	count = ++p->since;
	if (now - p->walked_ns < WALK_EVERY_NS)
		return 0;
	p->walked_ns = now;
	p->since = 0;
	add_origin(ORIGIN_FAULT, count, 0);
	return 0;
}

char dual_license[] SEC("license") = "Dual BSD/GPL";
