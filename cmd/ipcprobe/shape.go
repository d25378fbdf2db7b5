// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
)

// lookAtFamily lists the target's children and keeps how many there were.
func (m *measurement) lookAtFamily(ctx context.Context) ([]int, error) {
	children, err := m.server.target.Children(ctx)
	if err != nil || len(children) == 0 {
		return nil, err
	}
	if m.family == nil {
		m.family = &results.Family{Followed: m.options.family}
	}
	m.family.Processes = max(m.family.Processes, len(children))
	return children, nil
}

// unfollowed are those of some processes that are not followed as children.
func (m *measurement) unfollowed(ctx context.Context, pids []int) []int {
	if !m.options.family {
		return pids
	}
	children, err := m.lookAtFamily(ctx)
	if err != nil {
		return pids
	}
	return slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return slices.Contains(children, pid) })
}

// warnOfShape says what of the server's shape keeps something from being seen.
func (m *measurement) warnOfShape(ctx context.Context) {
	if m.ended != "" {
		return
	}
	target := m.server.target
	children, err := m.lookAtFamily(ctx)
	processes := append([]int{target.PID}, children...)
	switch {
	case err != nil:
		m.warn("whether the target has child processes is not known: %v", err)
	case len(children) == 0:
	case !m.options.family:
		m.warn("the target has %d child processes; what they do is not seen; --children follows them", len(children))
		processes = processes[:1]
	default:
		m.warn("memory is that of process %d alone, without its %d children", target.PID, len(children))
		if others := target.Strangers(children); len(others) > 0 {
			m.warn("%d child processes run another program (%v): their functions have no names, or wrong ones", len(others), others)
		}
	}
	var uring gateway.Uring
	for _, pid := range processes {
		one := gateway.FindUring(pid)
		uring.Rings += one.Rings
		uring.Polling += one.Polling
		uring.Workers += one.Workers
	}
	switch {
	case uring.Polling > 0:
		m.warn("the server has the kernel poll its io_uring (SQPOLL): the kernel's thread receives and sends for it, so a service time ends at the end of the send and its parts are not known, and the work shows in no system call")
	case uring.Workers > 0:
		m.warn("threads of io_uring's own carried out some of the server's work: where they sent an answer, the service time ends at the end of the send and its parts are not known")
	case uring.Rings > 0:
		m.warn("the server uses io_uring: one io_uring_enter carries out many sends and receives, which the table of system calls can't tell apart")
	}
}
