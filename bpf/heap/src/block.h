/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Blocks: from the outermost call of the allocator that hands one out to the
 * call that takes it back. A block enters the table when its call returns, and
 * leaves it when the call that frees it begins: no other thread can have it
 * between.
 */
#ifndef IPCPROBE_HEAP_BLOCK_H
#define IPCPROBE_HEAP_BLOCK_H

#include "path.h"

enum { NEAR = 256 };

/* The site's sums, made where they are not; NULL when there is no room. */
static __always_inline struct site *site_of(struct site_key *key)
{
	static const struct site none;
	struct site *site = bpf_map_lookup_elem(&sites, key);

	if (site)
		return site;
	bpf_map_update_elem(&sites, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&sites, key);
}

static __always_inline void count_gone(struct sums *t, struct block *b)
{
	struct site *site = bpf_map_lookup_elem(&sites, &b->site);
	__u64 age = answer_bytes ? (answered_bytes - b->birth) / answer_bytes : 0;
	__u32 bucket = bucket_of(age);

	t->frees++;
	t->freed_bytes += b->size;
	t->freed_block_bytes += b->block_size;
	if (bucket < BUCKETS)
		t->lifetimes[bucket]++;
	if (site) {
		__sync_fetch_and_add(&site->frees, 1);
		__sync_fetch_and_add(&site->freed_bytes, b->size);
	}
}

/* Blocks are taken out of the table before they are freed. */
static __always_inline void give_back(struct sums *t, __u64 address)
{
	struct block *b = bpf_map_lookup_elem(&blocks, &address);

	if (!b) {
		t->older_frees++;
		return;
	}
	count_gone(t, b);
	bpf_map_delete_elem(&blocks, &address);
}

/* A block has been handed out. Below 0: it can't be followed. */
static __always_inline int hand_out(struct sums *t, struct call *call, __u64 address)
{
	struct block b = {
	    .site = call->site, .size = call->size, .birth = answered_bytes};
	__u32 bucket = bucket_of(b.size);
	struct site *site = site_of(&b.site);
	__u64 header = 0;

	if (!site) {
		/* Rather a place without its path than none. */
		b.site.path = 0;
		site = site_of(&b.site);
		if (!site)
			return -1;
	}
	if (chunk_headers &&
	    !bpf_probe_read_user(&header, sizeof(header), (void *)(address - 8)))
		b.block_size = header & ~7ULL;
	if (bpf_map_update_elem(&blocks, &address, &b, BPF_ANY))
		return -1;
	__sync_fetch_and_add(&site->allocs, 1);
	__sync_fetch_and_add(&site->alloc_bytes, b.size);
	t->allocs++;
	t->alloc_bytes += b.size;
	t->alloc_block_bytes += b.block_size;
	if (bucket < BUCKETS)
		t->sizes[bucket]++;
	return 0;
}

/*
 * A function of the allocator begins. Returns the thread's call when it is an
 * outermost one, NULL otherwise, with the account kept.
 */
static __always_inline struct call *outermost(struct registers *r, struct sums *t,
					      __u32 function)
{
	struct call *call;

	t->account.seen++;
	t->hits++;
	if (!is_target() || ending) {
		t->account.filtered++;
		return NULL;
	}
	call = this_call(1);
	if (!call) {
		t->account.lost++;
		return NULL;
	}
	if (call->sp && STACK(r) < call->sp) {
		t->account.filtered++;
		return NULL;
	}
	if (call->sp) {
		/*
		 * One that ends by jumping to another function stands as high as it. Its
		 * return address is the return probe's by now.
		 */
		if (STACK(r) == call->sp && function != call->site.function) {
			t->account.filtered++;
			return NULL;
		}
		/* The end of that one was not seen. */
		t->account.lost++;
		t->account.seen++;
		call->sp = 0;
	}
	call->site.caller = caller_of(r);
	call->site.function = function;
	return call;
}

/* A function that hands out a block begins. */
static __always_inline int begin(void *ctx, __u32 function, __u64 size, __u64 old,
				 __u64 out)
{
	struct registers *r = ctx;
	struct sums *t = this_totals();
	struct block *was;
	struct call *call;

	if (!t)
		return 0;
	call = outermost(r, t, function);
	if (!call)
		return 0;
	if (!counting) {
		t->account.filtered++;
		return 0;
	}
	if (call->help_sp > STACK(r) && call->site.caller >= call->help.start &&
	    call->site.caller < call->help.end) {
		call->site.caller = call->helped.caller;
		call->site.path = call->helped.path;
	} else {
		call->site.path = path_of(r, call, call->site.caller);
	}
	call->size = size;
	call->out = out;
	call->old = old;
	call->held = 0;
	call->freed = 0;
	if (old) {
		was = bpf_map_lookup_elem(&blocks, &old);
		if (was) {
			call->was = *was;
			call->held = 1;
			bpf_map_delete_elem(&blocks, &old);
		}
	}
	call->sp = STACK(r);
	t->account.emitted++;
	return 0;
}

/* A helper begins: what it allocates is its caller's. */
static __always_inline int begin_helper(void *ctx)
{
	struct registers *r = ctx;
	struct sums *t = this_totals();
	struct call *call;
	__u64 at = ADDRESS(r);

	if (!t)
		return 0;
	t->account.seen++;
	t->hits++;
	call = is_target() && counting && !ending ? this_call(1) : NULL;
	if (!call || call->sp) {
		t->account.filtered++;
		return 0;
	}
	call->help_sp = 0;
	for (int i = 0; i < HELPERS; i++)
		if (at >= helpers[i].start && at < helpers[i].end) {
			call->help.start = helpers[i].start;
			call->help.end = helpers[i].end;
			call->help_sp = STACK(r);
		}
	call->helped.caller = caller_of(r);
	call->helped.path = path_of(r, call, call->helped.caller);
	t->account.emitted++;
	return 0;
}

/* A function that takes a block back begins; its end does not matter. */
static __always_inline int take_back(void *ctx, __u32 function, __u64 address)
{
	struct registers *r = ctx;
	struct sums *t = this_totals();
	struct call *call;

	if (!t)
		return 0;
	call = outermost(r, t, function);
	if (!call)
		return 0;
	if (!counting || !address) {
		t->account.filtered++;
		return 0;
	}
	/* delete calls free, or ends by jumping there: the same block, and once. */
	if (call->freed == address && call->freed_by != function &&
	    STACK(r) <= call->freed_sp && call->freed_sp - STACK(r) < NEAR) {
		t->account.filtered++;
		return 0;
	}
	call->freed = address;
	call->freed_by = function;
	call->freed_sp = STACK(r);
	give_back(t, address);
	t->account.emitted++;
	return 0;
}

/* realloc's end: what became of the block that it was given. */
static __always_inline void settle_old(struct sums *t, struct call *call, __u64 block)
{
	__u64 old = call->old;

	if (!old)
		return;
	if (!block && call->size) { /* it failed, and the old block stays */
		if (call->held)
			bpf_map_update_elem(&blocks, &old, &call->was, BPF_ANY);
		return;
	}
	if (call->held)
		count_gone(t, &call->was);
	else
		t->older_frees++;
}

static __always_inline int end(void *ctx)
{
	struct registers *r = ctx;
	struct sums *t = this_totals();
	struct call *call;
	__u64 block;

	if (!t)
		return 0;
	t->account.seen++;
	t->hits++;
	call = is_target() && !ending ? this_call(0) : NULL;
	if (!call || !call->sp || call->sp != STACK(r) - RETURN_SLOT) {
		t->account.filtered++;
		return 0;
	}
	call->sp = 0;
	block = RETURNED(r);
	if (call->site.function == FUNCTION_POSIX_MEMALIGN) {
		if ((__u32)block)
			block = 0; /* an error's number */
		else if (bpf_probe_read_user(&block, sizeof(block), (void *)call->out)) {
			t->account.lost++;
			return 0;
		}
	}
	settle_old(t, call, block);
	if (!block) {
		if (call->size || !call->old)
			t->failed++;
		t->account.emitted++;
		return 0;
	}
	if (hand_out(t, call, block))
		t->account.lost++;
	else
		t->account.emitted++;
	return 0;
}

#endif
