// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/loader"
)

// keepCapabilities keeps those of this process from the programs that it starts.
// Ambient ones, in which an unprivileged user may have got them, go to every
// child; nothing that we start needs one.
func keepCapabilities() error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0)
	if errors.Is(errno, syscall.ENOTSUP) { // C in the binary, which only a test has
		runtime.LockOSThread() // never undone: what this thread starts inherits
		_, _, errno = syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0)
	}
	if errno != 0 {
		return fmt.Errorf("keep this process's capabilities from its children: %w", errno)
	}
	return nil
}

// checkPrivileges says what this process lacks for a run, before anything is
// started or written.
func checkPrivileges() error {
	missing, err := loader.Privileged()
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("watching the kernel needs root, or %s, which this process lacks; run it with sudo, or see `ipcprobe doctor`",
		strings.Join(missing, " and "))
}
