// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"fmt"
	"os"
	"strings"
)

// Uring says how a process uses io_uring.
type Uring struct {
	Rings   int // that it holds
	Polling int // threads of the kernel's that take work from a ring (SQPOLL)
	Workers int // threads of the kernel's that carry work out (io-wq), just now
}

// FindUring looks for io_uring in a process: among its descriptors, and among its
// threads, because those that the kernel makes for a ring belong to the process.
// A ring that is registered and closed shows only by its threads.
func FindUring(pid int) Uring {
	var u Uring
	fds, _ := os.ReadDir(procPath(pid, "fd")) // none: it has ended
	for _, fd := range fds {
		link, err := os.Readlink(procPath(pid, "fd/"+fd.Name()))
		if err == nil && link == "anon_inode:[io_uring]" {
			u.Rings++
		}
	}
	threads, _ := os.ReadDir(procPath(pid, "task"))
	for _, thread := range threads {
		name, err := readProc(pid, fmt.Sprintf("task/%s/comm", thread.Name()))
		switch {
		case err != nil: // it has ended
		case strings.HasPrefix(string(name), "iou-sqp-"):
			u.Polling++
		case strings.HasPrefix(string(name), "iou-wrk-"):
			u.Workers++
		}
	}
	return u
}
