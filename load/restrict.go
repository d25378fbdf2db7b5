// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// permitted are the system calls that a load makes once its files are read: those
// of its sockets, of its clocks, and of Go's runtime. They are allowed by their
// number alone, whatever their arguments are: the kernel then remembers the answer
// and runs no filter for them (since 5.11), so that they cost what they cost before.
var permitted = []string{
	// Sockets and what waits for them.
	"connect", "sendto", "sendmsg", "recvfrom", "recvmsg", "read", "write", "readv", "writev",
	"getsockopt", "setsockopt", "getsockname", "getpeername", "shutdown", "close", "fcntl",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "ppoll", "eventfd2",
	"timerfd_create", "timerfd_settime",
	// Clocks and accounts.
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "getrusage", "times",
	// Memory and threads, as Go's runtime uses them.
	"mmap", "munmap", "mremap", "madvise", "mprotect", "mincore", "brk",
	"clone", "clone3", "set_robust_list", "rseq", "futex", "sched_yield", "sched_getaffinity", "membarrier",
	"gettid", "getpid", "tgkill", "prctl", "getrandom", "prlimit64", "restart_syscall",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
	"timer_create", "timer_settime", "timer_delete",
	"pread64", "lseek", "fstat", // of the descriptors that it has
	"newfstatat", // tells why a connection was refused
	"exit", "exit_group",
}

// familyBytes is the length of an address that has a family and no name.
const familyBytes = 2

// restrict leaves this process no system call but the permitted ones, on all its
// threads and for good. Opening a file, starting a program, sockets that are not
// Unix ones and all else end with EPERM. From here on the server's answers are
// parsed.
func restrict() error {
	filter := seccomp.Filter{
		Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionAllow,
				Names:  permitted,
				NamesWithCondtions: []seccomp.NameWithConditions{
					{Name: "socket", Conditions: seccomp.ArgumentConditions{
						{Argument: 0, Operation: seccomp.Equal, Value: unix.AF_UNIX}}},
					// To a name that the kernel chooses: the address is its family alone.
					{Name: "bind", Conditions: seccomp.ArgumentConditions{
						{Argument: 2, Operation: seccomp.Equal, Value: familyBytes}}},
					// A table of descriptors of a thread's own; no namespace.
					{Name: "unshare", Conditions: seccomp.ArgumentConditions{
						{Argument: 0, Operation: seccomp.Equal, Value: unix.CLONE_FILES}}},
				},
			}},
		},
	}
	if err := seccomp.LoadFilter(filter); err != nil {
		return fmt.Errorf("allow the load generator its own system calls only: %w", err)
	}
	return nil
}
