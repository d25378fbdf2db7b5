/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The probes of the heap phase: thin bodies, one a hook. Every call of the
 * allocator by the target counts from the begin of its outermost function (user
 * probe) to that function's end (user return probe).
 */
#include "pages.h"

/* For the bindings that bpf2go makes. */
const struct account *unused_account __attribute__((unused));
const struct sums *unused_sums __attribute__((unused));
const struct site_key *unused_site_key __attribute__((unused));
const struct site *unused_site __attribute__((unused));
const enum function *unused_function __attribute__((unused));
const enum unwind_end *unused_unwind_end __attribute__((unused));

#define FIRST(ctx)  ARGUMENT_1((struct registers *)(ctx))
#define SECOND(ctx) ARGUMENT_2((struct registers *)(ctx))
#define THIRD(ctx)  ARGUMENT_3((struct registers *)(ctx))

SEC("uprobe")
int on_malloc(void *ctx)
{
	return begin(ctx, FUNCTION_MALLOC, FIRST(ctx), 0, 0);
}

SEC("uprobe")
int on_calloc(void *ctx)
{
	return begin(ctx, FUNCTION_CALLOC, FIRST(ctx) * SECOND(ctx), 0, 0);
}

SEC("uprobe")
int on_realloc(void *ctx)
{
	return begin(ctx, FUNCTION_REALLOC, SECOND(ctx), FIRST(ctx), 0);
}

SEC("uprobe")
int on_reallocarray(void *ctx)
{
	return begin(ctx, FUNCTION_REALLOCARRAY, SECOND(ctx) * THIRD(ctx), FIRST(ctx), 0);
}

SEC("uprobe")
int on_posix_memalign(void *ctx)
{
	return begin(ctx, FUNCTION_POSIX_MEMALIGN, THIRD(ctx), 0, FIRST(ctx));
}

SEC("uprobe")
int on_aligned_alloc(void *ctx)
{
	return begin(ctx, FUNCTION_ALIGNED_ALLOC, SECOND(ctx), 0, 0);
}

SEC("uprobe")
int on_memalign(void *ctx)
{
	return begin(ctx, FUNCTION_MEMALIGN, SECOND(ctx), 0, 0);
}

SEC("uprobe")
int on_valloc(void *ctx)
{
	return begin(ctx, FUNCTION_VALLOC, FIRST(ctx), 0, 0);
}

SEC("uprobe")
int on_new(void *ctx)
{
	return begin(ctx, FUNCTION_NEW, FIRST(ctx), 0, 0);
}

SEC("uprobe")
int on_free(void *ctx)
{
	return take_back(ctx, FUNCTION_FREE, FIRST(ctx));
}

SEC("uprobe")
int on_delete(void *ctx)
{
	return take_back(ctx, FUNCTION_DELETE, FIRST(ctx));
}

SEC("uprobe")
int on_mmap(void *ctx)
{
	return begin_wrapper(ctx, FUNCTION_MMAP);
}

SEC("uprobe")
int on_mremap(void *ctx)
{
	return begin_wrapper(ctx, FUNCTION_MREMAP);
}

SEC("uprobe")
int on_helper(void *ctx)
{
	return begin_helper(ctx);
}

SEC("uretprobe")
int on_return(void *ctx)
{
	return end(ctx);
}

SEC("raw_tp/sys_enter")
int enter_call(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 number = ctx->args[1];

	if (!is_target() || ending)
		return 0;
	if (number == CALL_MMAP || number == CALL_MUNMAP || number == CALL_MREMAP ||
	    number == CALL_BRK)
		enter_pages((struct registers *)ctx->args[0], number);
	return 0;
}

SEC("raw_tp/sys_exit")
int exit_call(struct bpf_raw_tracepoint_args *ctx)
{
	if (is_target())
		exit_pages(ctx->args[1]);
	return 0;
}

/*
 * The clock of lifetimes: bytes that the target sends to those who connected to
 * it. What it has read may still wait for its turn; what it has sent is done. An
 * accepted Unix socket has its listener's name, one that connects has none.
 * Linux 6.3.
 */
SEC("raw_tp/sock_send_length")
int target_answers(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	int bytes = ctx->args[1];

	if (!is_target() || bytes <= 0 ||
	    BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	if (BPF_CORE_READ((struct unix_sock *)sk, addr))
		__sync_fetch_and_add(&answered_bytes, bytes);
	return 0;
}

/* Another program: what was held is gone, at once. */
SEC("raw_tp/sched_process_exec")
int target_executes(void *ctx)
{
	if (is_target() && !ending)
		ending = ENDING_EXEC;
	return 0;
}

/*
 * exit_mmap comes later: its frees are none of the program's. The thread that leads the
 * process may end before the others do; it does when one of these executes a program.
 */
SEC("raw_tp/sched_process_exit")
int target_exits(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	if (is_target() && !BPF_CORE_READ(task, signal, live.counter) && !ending)
		ending = ENDING_EXIT;
	return 0;
}

SEC("raw_tp/sched_process_fork")
int target_forks(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *child = (struct task_struct *)ctx->args[1];
	__u32 tgid = BPF_CORE_READ(child, tgid);

	if (is_target() && tgid != target_tgid && counting)
		__sync_fetch_and_add(&forks, 1);
	return 0;
}

char dual_license[] SEC("license") = "Dual BSD/GPL";
