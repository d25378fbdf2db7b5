// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confine makes a process that parses the answers of an untrusted server own
// as little as it can: no capabilities, no way to gain privileges, and of the
// descriptors only those to keep and the standard ones.
func confine(keep ...int) error {
	closeInherited(keep)
	if err := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := onAllThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0]))); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

// onAllThreads makes a system call on each thread of the process. A binary
// with C in it can't do that (ENOTSUP); ours has none, but test binaries may:
// there the call is made on this thread, and those started from it inherit.
func onAllThreads(number, a, b uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall6(number, a, b, 0, 0, 0, 0)
	if errno == syscall.ENOTSUP {
		_, _, errno = syscall.RawSyscall6(number, a, b, 0, 0, 0, 0)
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// closeInherited closes the descriptors that survived exec. Those are the ones
// without close-on-exec; all that this process opened itself have it.
func closeInherited(keep []int) {
	const most = 1 << 16
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > most {
		limit.Cur = most
	}
	for fd := 3; fd < int(limit.Cur); fd++ {
		if slices.Contains(keep, fd) {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}
