/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A walk up the user stack, by tables that loader/unwind makes of .eh_frame.
 *
 * Nothing here calls the kernel: who includes this says how a word of the target
 * and an entry of the tables are read (walk.h for the probes; the replay test
 * compiles it as an ordinary program), and what the machine's registers are.
 */
#ifndef IPCPROBE_UNWIND_H
#define IPCPROBE_UNWIND_H

#include "rule.h"

/* Where a register that callees preserve is. */
struct unwind_register {
	__u64 value;
	__u64 at; /* address of its value, if not 0: read when it is needed */
	__u32 lost;
	__u32 pad;
};

struct unwind_walk {
	__u64 pc;
	__u64 stack;
	struct unwind_register frame;
	struct unwind_register saved;
	__u64 registers[UNWIND_REGISTERS]; /* of the leaf */
	struct unwind_process process;
	__u32 mapping; /* the one that the last frame lay in */
	__u8 leaf;     /* registers[] are this frame's */
	__u8 exact;    /* pc is where it stopped, not where it will return to */
	__u8 pad[2];
};

/* What the includer provides. Each returns NULL, or not 0, if there is none. */
static __always_inline struct unwind_row *unwind_row_at(__u32 i);
static __always_inline struct unwind_rule *unwind_rule_at(__u32 i);
static __always_inline struct unwind_mapping *unwind_mapping_at(__u32 i);
static __always_inline long unwind_load(__u64 *value, __u64 address);

#define UNWIND_MAPPINGS_LOG 14 /* a process has at most 2^14 executable mappings */
#define UNWIND_ROWS_LOG	    24 /* an object at most 2^24 rows */

static __always_inline int unwind_within(const struct unwind_mapping *m, __u64 pc)
{
	return m && pc >= m->start && pc < m->end;
}

static __always_inline struct unwind_mapping *unwind_find_mapping(struct unwind_walk *w,
								  __u64 pc)
{
	struct unwind_mapping *m = unwind_mapping_at(w->mapping);
	__u32 low = w->process.first, high = low + w->process.count;

	if (unwind_within(m, pc))
		return m;
	/* The first that ends behind pc. */
	for (int i = 0; i <= UNWIND_MAPPINGS_LOG && low < high; i++) {
		__u32 middle = low + (high - low) / 2;

		m = unwind_mapping_at(middle);
		if (!m)
			return 0;
		if (m->end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	m = unwind_mapping_at(low);
	if (low >= w->process.first + w->process.count || !unwind_within(m, pc))
		return 0;
	w->mapping = low;
	return m;
}

/* The last row at or before pc. */
static __always_inline struct unwind_row *unwind_find_row(__u32 first, __u32 rows,
							  __u32 pc)
{
	__u32 low = first, high = first + rows;
	struct unwind_row *row;

	for (int i = 0; i <= UNWIND_ROWS_LOG && low < high; i++) {
		__u32 middle = low + (high - low) / 2;

		row = unwind_row_at(middle);
		if (!row)
			return 0;
		if (row->pc <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low > first ? unwind_row_at(low - 1) : 0;
}

/* Makes sure that the value of a register that callees preserve is here. */
static __always_inline enum unwind_end unwind_fetch(struct unwind_register *r)
{
	if (r->lost)
		return UNWIND_REGISTER;
	if (r->at) {
		if (unwind_load(&r->value, r->at))
			return UNWIND_NOT_RESIDENT;
		r->at = 0;
	}
	return UNWIND_WALKING;
}

/* The value of any register in this frame. */
static __always_inline enum unwind_end unwind_value(struct unwind_walk *w, __u32 number,
						    __u64 *value)
{
	enum unwind_end end;

	if (number == UNWIND_STACK) {
		*value = w->stack;
		return UNWIND_WALKING;
	}
	if (number == UNWIND_FRAME) {
		end = unwind_fetch(&w->frame);
		*value = w->frame.value;
		return end;
	}
	if (number == UNWIND_SAVED) {
		end = unwind_fetch(&w->saved);
		*value = w->saved.value;
		return end;
	}
	if (!w->leaf || number >= UNWIND_REGISTERS)
		return UNWIND_REGISTER;
	*value = w->registers[number & (UNWIND_REGISTERS - 1)];
	return UNWIND_WALKING;
}

/* Where the caller's frame starts. */
static __always_inline enum unwind_end
unwind_cfa(struct unwind_walk *w, const struct unwind_rule *rule, __u64 *cfa)
{
	__u64 base, index;
	enum unwind_end end = unwind_value(w, rule->base, &base);

	if (end)
		return end;
	base += (__s64)rule->cfa_offset;
	switch (rule->cfa) {
	case UNWIND_CFA_REGISTER:
		*cfa = base;
		return UNWIND_WALKING;
	case UNWIND_CFA_STUB:
		*cfa = base + ((w->pc & 15) >= (__u32)rule->cfa_add ? 8 : 0);
		return UNWIND_WALKING;
	case UNWIND_CFA_INDEXED:
		end = unwind_value(w, rule->index, &index);
		if (end)
			return end;
		base += index << (rule->shift & 7);
		break;
	case UNWIND_CFA_LOAD:
		break;
	default:
		return UNWIND_RULE;
	}
	if (unwind_load(cfa, base))
		return UNWIND_NOT_RESIDENT;
	*cfa += (__s64)rule->cfa_add;
	return UNWIND_WALKING;
}

/* The return address. */
static __always_inline enum unwind_end
unwind_result(struct unwind_walk *w, const struct unwind_rule *rule, __u64 cfa, __u64 *pc)
{
	__u64 at = cfa;
	enum unwind_end end;

	switch (rule->result_is) {
	case UNWIND_OF_PARENT:
	case UNWIND_AT_CFA:
		break;
	case UNWIND_AT_STACK:
		at = w->stack;
		break;
	case UNWIND_AT_FRAME:
		end = unwind_fetch(&w->frame);
		if (end)
			return end;
		at = w->frame.value;
		break;
	case UNWIND_IN_REGISTER:
		return unwind_value(w, (__u32)rule->result, pc);
	case UNWIND_SAME:
		return unwind_value(w, UNWIND_RESULT, pc);
	default:
		return UNWIND_RULE;
	}
	return unwind_load(pc, at + (__s64)rule->result) ? UNWIND_NOT_RESIDENT
							 : UNWIND_WALKING;
}

/* What the caller has in a register that callees preserve. */
static __always_inline void unwind_restore(struct unwind_walk *w,
					   struct unwind_register *r, __u8 where,
					   __s64 offset, __u64 cfa)
{
	r->lost = 0;
	r->at = 0;
	switch (where) {
	case UNWIND_AT_CFA:
		r->at = cfa + offset;
		return;
	case UNWIND_AT_STACK:
		r->at = w->stack + offset;
		return;
	case UNWIND_AT_FRAME:
		r->lost = unwind_fetch(&w->frame) != UNWIND_WALKING;
		r->at = w->frame.value + offset;
		return;
	case UNWIND_IS_CFA:
		r->value = cfa + offset;
		return;
	case UNWIND_IN_REGISTER:
		r->lost = unwind_value(w, (__u32)offset, &r->value) != UNWIND_WALKING;
		return;
	}
	r->lost = 1;
}

/* From a frame to its caller, by a rule that holds in it. */
static __always_inline enum unwind_end unwind_apply(struct unwind_walk *w,
						    const struct unwind_rule *rule)
{
	struct unwind_register frame = w->frame, saved = w->saved;
	__u64 cfa = 0, pc = 0;
	enum unwind_end end;

	if (rule->result_is == UNWIND_UNDEFINED)
		return UNWIND_OUTERMOST;
	/* What clone returns: 0 in the child, in register 0 on both machines. */
	if (rule->result_is == UNWIND_OF_PARENT && w->leaf && !w->registers[0])
		return UNWIND_OUTERMOST;
	end = unwind_cfa(w, rule, &cfa);
	if (!end)
		end = unwind_result(w, rule, cfa, &pc);
	if (end)
		return end;
	/* A signal may be handled on a stack of its own. */
	if (!rule->signal && (cfa < w->stack || (cfa == w->stack && !w->leaf)))
		return UNWIND_NOT_ABOVE;
	if (rule->frame_is != UNWIND_SAME)
		unwind_restore(w, &frame, rule->frame_is, rule->frame, cfa);
	if (rule->saved_is != UNWIND_SAME)
		unwind_restore(w, &saved, rule->saved_is, rule->saved, cfa);
	if (rule->frame_is != UNWIND_SAME)
		w->frame = frame;
	if (rule->saved_is != UNWIND_SAME)
		w->saved = saved;
	w->stack = cfa;
	w->pc = UNWIND_ADDRESS(pc);
	w->exact = rule->signal;
	w->leaf = 0;
	return w->pc ? UNWIND_WALKING : UNWIND_ZERO;
}

/*
 * One frame up. The code that a return address belongs to is the call before
 * it, which may be the last of its function; so is a system call. What an
 * interrupt or a signal stopped is looked up where it stands.
 */
static __always_inline enum unwind_end unwind_frame(struct unwind_walk *w)
{
	__u64 pc = w->pc - !w->exact;
	struct unwind_mapping *m = unwind_find_mapping(w, pc);
	struct unwind_rule *rule;
	struct unwind_row *row;

	if (!m)
		return UNWIND_UNMAPPED;
	if (m->fails)
		return m->fails;
	pc -= m->base;
	if (pc >> 32)
		return UNWIND_NO_ROW;
	row = unwind_find_row(m->first, m->rows, pc);
	if (!row || row->flags & UNWIND_GAP)
		return UNWIND_NO_ROW;
	rule = unwind_rule_at(row->rule);
	if (!rule)
		return UNWIND_RULE;
	return unwind_apply(w, rule);
}

#endif
