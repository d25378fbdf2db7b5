// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"regexp"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// cost is what a sample of CPU time was spent on.
type cost uint8

const (
	costOther cost = iota
	costKernelCopy
	costUserCopy
	costBuffer
	costAllocation
	costParsing
	costEntry
	costWakeUp
	costCall // in a system call, and none of the above
	costOurs // in our own probes, or on the way to them: left out
	costs
)

// spentOn reads what a stack was about, and whether it was in a call that moves
// bytes. Names are those of Linux 5.10 to 7.x and
// of the usual C libraries and allocators; what has another name counts as the
// call, or the program, that it is in.
func spentOn(s *results.Stack) (c cost, transfer bool) {
	if s.Own {
		return costOurs, false
	}
	user := 0
	for user < len(s.Frames) && s.Frames[user].Kernel {
		user++
	}
	kernel, above := s.Frames[:user], s.Frames[user:]
	if len(kernel) > 0 {
		if c, transfer = kernelCost(kernel, above); c != costOther {
			return c, transfer
		}
	}
	return userCost(above, len(kernel) > 0), false
}

// kernelCost is the cost of a stack with kernel frames, or costOther where they
// came on top of what the program did (an interrupt).
func kernelCost(kernel, user []results.Frame) (c cost, transfer bool) {
	var inCall, copies, buffers, wakes, faults bool
	for i := range kernel {
		name := plainName(kernel[i].Function)
		if toOurs.MatchString(name) || i == 0 && tracing[name] {
			return costOurs, false
		}
		copies = copies || kernelCopies.MatchString(name)
		transfer = transfer || transfers.MatchString(name)
		buffers = buffers || kernelBuffers.MatchString(name)
		wakes = wakes || wakeUps.MatchString(name)
		faults = faults || pageFaults.MatchString(name)
		inCall = inCall || systemCalls.MatchString(name)
	}
	switch {
	case copies && transfer:
		return costKernelCopy, transfer
	case faults && len(user) > 0 && copiesBytes(user):
		return costUserCopy, false // the pages that it copies to
	case faults, buffers && inCall:
		return costBuffer, transfer
	case wakes:
		return costWakeUp, transfer
	case entries.MatchString(plainName(kernel[0].Function)):
		return costEntry, transfer
	case inCall:
		return costCall, transfer
	}
	return costOther, false
}

// userCost is the cost of a stack in the program itself. interrupted says that
// the kernel came on top of it of its own accord.
func userCost(user []results.Frame, interrupted bool) cost {
	switch {
	case len(user) == 0:
		return costOther
	case copiesBytes(user):
		return costUserCopy
	}
	for i := range user {
		if allocations.MatchString(plainName(user[i].Function)) {
			return costAllocation
		}
	}
	if !interrupted && wrapper(&user[0]) {
		return costEntry
	}
	for i := range user {
		if parsing.MatchString(user[i].Function) {
			return costParsing
		}
	}
	return costOther
}

// copiesBytes says that the innermost function moves bytes: it has the name of
// one that does, or was interrupted at an instruction that does nothing else.
func copiesBytes(user []results.Frame) bool {
	leaf := &user[0]
	return leaf.Copies || userCopies.MatchString(strings.TrimLeft(plainName(leaf.Function), "_"))
}

// wrapper says that a frame is a C library's way into a system call. Interrupts
// are off on most of the way in and out, so the time that it takes is found
// where they are on again: here.
func wrapper(f *results.Frame) bool {
	if f.Returned {
		return true
	}
	if !strings.HasPrefix(f.Object, "libc.") && !strings.HasPrefix(f.Object, "libc-") &&
		!strings.HasPrefix(f.Object, "libpthread") && !strings.HasPrefix(f.Object, "ld-musl") {
		return false
	}
	return wrappers.MatchString(strings.TrimPrefix(strings.TrimLeft(f.Function, "_"), "libc_"))
}

// plainName is a name without what compilers append: .isra.0, .constprop.1, .cold.
func plainName(name string) string {
	if i := strings.IndexByte(name, '.'); i > 0 {
		return name[:i]
	}
	return name
}

// tracing are the kernel's steps on the way from a tracepoint to the programs on it,
// which it takes because our probes are attached.
var tracing = map[string]bool{
	"syscall_trace_enter": true, "trace_syscall_enter": true, "syscall_exit_work": true,
	"trace_syscall_exit": true, "syscall_trace_exit_work": true, "syscall_exit_to_user_mode_work": true,
}

var (
	// toOurs is whatever a tracepoint with a program on it calls.
	toOurs       = regexp.MustCompile(`^(__bpf_trace_|bpf_trace_run|__traceiter_|trace_call_bpf|bpf_trampoline_|bpf_get_stack|bpf_task_storage_|bpf_sk_storage_|call_trace_sock)`)
	kernelCopies = regexp.MustCompile(`^(_?_?copy_(user|to_user|from_user|mc)|raw_copy_|rep_movs|_copy_(to|from)_(iter|user)|copy_page_(to|from)_iter|copyin$|copyout$|` +
		`skb_copy_datagram|simple_copy_to_iter|__skb_datagram_iter|csum_and_copy|memcpy|__memcpy|memmove|__memmove|copy_folio|__arch_copy_|skb_copy_bits|copy_from_iter_full|__copy_(skb|user))`)
	// transfers are what moves bytes for a program: sockets, pipes, files.
	transfers = regexp.MustCompile(`(sendmsg|recvmsg|sendto|recvfrom|sock_(read|write)_iter|stream_read|stream_send|stream_recv|vfs_(read|write)|pipe_(read|write)|splice|do_iter_readv|io_(read|write|send|recv))`)
	// kernelBuffers are the pages of large messages; small ones come from slabs,
	// whose cost is the call's.
	kernelBuffers = regexp.MustCompile(`^(_?_?alloc_pages|__?alloc_frozen_pages|get_page_from_freelist|rmqueue|clear_page|clear_huge|clear_folio|_?_?free_pages|free_unref|__?free_frozen|__folio_put|free_tail|folios_put|release_pages|alloc_skb_with_frags|___kmalloc_large|__kmalloc_large|free_large_kmalloc|unmap_vmas|unmap_page_range|zap_|tlb_|do_munmap|do_vmi_|__vm_munmap|__x64_sys_(munmap|mmap|brk|madvise|mremap)|__arm64_sys_(munmap|mmap|brk|madvise|mremap)|skb_page_frag|put_page)`)
	pageFaults    = regexp.MustCompile(`^(asm_exc_page_fault|exc_page_fault|do_user_addr_fault|handle_mm_fault|do_page_fault|do_mem_abort|el0_da)`)
	wakeUps       = regexp.MustCompile(`^(try_to_wake_up|wake_up|__wake_up|default_wake_function|autoremove_wake_function|pollwake|ep_poll_callback|sock_def_(readable|writeable)|sock_def_write_space|unix_write_space|sk_wake|futex_wake|ttwu|schedule$|__schedule|schedule_|finish_task_switch|switch_|io_schedule)`)
	systemCalls   = regexp.MustCompile(`^(do_syscall_|entry_SYSCALL|entry_INT80|entry_SYSENTER|__x64_sys_|__se_sys_|x64_sys_call|el0_svc|__arm64_sys_|invoke_syscall)`)
	entries       = regexp.MustCompile(`^(do_syscall_|entry_SYSCALL|x64_sys_call|syscall_enter_|syscall_exit_|syscall_return|exit_to_user|el0_svc|el0t_64_sync|invoke_syscall|__x64_sys_|__arm64_sys_|do_el0_svc|fdget|__fget|__fdget|sockfd_lookup|security_socket_)`)

	userCopies  = regexp.MustCompile(`^(mem(cpy|move|pcpy|mmove)($|_)|wmem(cpy|move)|bcopy$|intel_(avx|fast)_.*memcpy|asan_mem(cpy|move)|copy_move|std::__copy_move|std::memmove|core::intrinsics::copy|str[np]*cpy($|_)|runtime\.memmove|runtime\.typedmemmove)`)
	allocations = regexp.MustCompile(`^_*(libc_)?(malloc|free|calloc|realloc|reallocarray|posix_memalign|aligned_alloc|memalign|cfree|int_malloc|int_free|int_realloc|sysmalloc|malloc_consolidate|unlink_chunk|tcache_|systrim|operator new|operator delete|je_|tc_(malloc|free|new|delete)|mi_(malloc|free|heap)|g_malloc|g_free|mallocx|sdallocx|rust_alloc|rust_dealloc|rdl_alloc|rust_realloc)`)
	wrappers    = regexp.MustCompile(`^(send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg|read|readv|write|writev|pread|pwrite|poll|ppoll|select|pselect|epoll_(p?wait2?|ctl)|accept4?|close|futex|syscall|ioctl|fcntl|syscall_cancel(_arch)?(_end)?|internal_syscall_cancel|GI_.*|io_uring_enter|splice|tee|sendfile|lseek|fstat|clock_nanosleep|nanosleep|eventfd_(read|write))(64)?(_nocancel|_cancel)?$`)
	parsing     = regexp.MustCompile(`(?i)(pars[ei]|decod|deserial|unmarshal|tokeni[sz]|json_load|lex_scan|_lex_|scan_(number|string|value))`)
)
