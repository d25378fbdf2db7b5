/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Pages: mmap, mremap, munmap and brk, from sys_enter to sys_exit. What the
 * allocator asks for inside one of its functions is its own growth; the rest is
 * the program's, and held until it is unmapped.
 */
#ifndef IPCPROBE_HEAP_PAGES_H
#define IPCPROBE_HEAP_PAGES_H

#include "block.h"

enum { PAGE = 4096, WRAPPER = 512 };

static __always_inline __u64 whole_pages(__u64 length)
{
	return (length + PAGE - 1) & ~(__u64)(PAGE - 1);
}

/* mmap or mremap of the C library begins: its caller is the place. */
static __always_inline int begin_wrapper(void *ctx, __u32 function)
{
	struct registers *r = ctx;
	struct sums *t = this_totals();
	struct call *call;

	if (!t)
		return 0;
	t->account.seen++;
	t->hits++;
	call = is_target() && counting && !ending ? this_call(1) : NULL;
	if (!call || call->sp) {
		t->account.filtered++;
		return 0;
	}
	call->via_sp = STACK(r);
	call->via.caller = caller_of(r);
	call->via.function = function;
	call->via.path = path_of(r, call, call->via.caller);
	t->account.emitted++;
	return 0;
}

static __always_inline void enter_pages(struct registers *at, __u32 number)
{
	struct call *call = this_call(1);
	struct registers r;
	__u64 via_sp;

	if (!call || bpf_probe_read_kernel(&r, sizeof(r), at))
		return;
	call->number = number;
	call->nested = call->sp && STACK(&r) < call->sp;
	call->address = ARGUMENT_1(&r);
	call->length = ARGUMENT_2(&r);
	call->to = ARGUMENT_3(&r);
	via_sp = call->via_sp;
	call->via_sp = 0;
	if (via_sp && STACK(&r) <= via_sp && via_sp - STACK(&r) < WRAPPER)
		return;
	/* Called without the C library: its own address is what there is. */
	call->via.caller = ADDRESS(&r);
	call->via.path = 0;
	call->via.function = number == CALL_MREMAP ? FUNCTION_MREMAP : FUNCTION_MMAP;
}

/* The allocator's own pages have no site. */
static __always_inline void map_pages(struct sums *t, struct call *call, __u64 address,
				      __u64 length)
{
	struct block b = {.size = length, .birth = answered_bytes};
	struct site *site = NULL;

	if (!call->nested) {
		b.site = call->via;
		site = site_of(&b.site);
	}
	if ((!call->nested && !site) ||
	    bpf_map_update_elem(&mappings, &address, &b, BPF_ANY)) {
		t->account.seen++;
		t->account.lost++;
		return;
	}
	if (!site) {
		t->grown_bytes += length;
		return;
	}
	__sync_fetch_and_add(&site->allocs, 1);
	__sync_fetch_and_add(&site->alloc_bytes, length);
	t->mapped_bytes += length;
}

/*
 * Pages are unmapped from the begin of a mapping, or all of it. A hole or a cut
 * end of a program's mapping is not followed: it counts as held until the begin
 * goes.
 */
static __always_inline void unmap_pages(struct sums *t, struct call *call, __u64 address,
					__u64 length)
{
	struct block *b = bpf_map_lookup_elem(&mappings, &address), rest;
	struct site *site;
	__u64 gone = length;

	if (!b) {
		if (call->nested)
			t->grown_bytes -= length;
		return;
	}
	rest = *b;
	if (gone > rest.size)
		gone = rest.size;
	bpf_map_delete_elem(&mappings, &address);
	if (rest.site.function == FUNCTION_NONE) {
		t->grown_bytes -= gone;
	} else {
		t->unmapped_bytes += gone;
		site = bpf_map_lookup_elem(&sites, &rest.site);
		if (site) {
			__sync_fetch_and_add(&site->freed_bytes, gone);
			if (gone == rest.size)
				__sync_fetch_and_add(&site->frees, 1);
		}
	}
	if (gone < rest.size) {
		address += gone;
		rest.size -= gone;
		bpf_map_update_elem(&mappings, &address, &rest, BPF_ANY);
	}
}

static __always_inline void exit_pages(__s64 result)
{
	struct call *call = this_call(0);
	struct sums *t = this_totals();
	__u64 length;
	__u32 number;

	if (!call || !t || !call->number)
		return;
	number = call->number;
	call->number = 0;
	if (!counting || ending || (result < 0 && result > -PAGE))
		return;
	length = whole_pages(call->length);
	if (number == CALL_BRK) {
		if (last_brk)
			t->grown_bytes += (__s64)(result - last_brk);
		last_brk = result;
		return;
	}
	if (number != CALL_MMAP)
		unmap_pages(t, call, call->address, length);
	if (number == CALL_MREMAP)
		length = whole_pages(call->to);
	if (number != CALL_MUNMAP)
		map_pages(t, call, result, length);
}

#endif
