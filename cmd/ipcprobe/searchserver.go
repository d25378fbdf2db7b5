// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/ipcprobe/ipcprobe/gateway"
)

// watched is the server of a search: the processes that listen on its socket,
// whose CPU time is read. It may be nobody that we may look at.
type watched struct {
	pid        int
	executable string
	command    []string
	threads    int // of all its processes
	clocks     []*gateway.Clock
	warnings   []string
}

// watchServer finds the server by its PID, or by its socket. Only a PID that the
// user gave has to be found.
func watchServer(ctx context.Context, pid int, socket string) (*watched, error) {
	w := &watched{}
	if pid != 0 {
		target, err := gateway.Inspect(ctx, pid)
		if err == nil {
			err = w.add(target)
		}
		return w, err
	}
	found, err := gateway.Listeners(ctx, socket)
	seen := map[int]bool{}
	for _, s := range found {
		if seen[s.Owner] {
			continue
		}
		seen[s.Owner] = true
		target, inspectErr := gateway.Inspect(ctx, s.Owner)
		if inspectErr == nil {
			inspectErr = w.add(target)
		}
		if inspectErr != nil {
			err = inspectErr
		}
	}
	switch {
	case err != nil:
		w.close()
		return &watched{warnings: []string{fmt.Sprintf("the server's CPU time is not known: %v", err)}}, nil
	case len(w.clocks) == 0:
		w.warnings = []string{"the server's CPU time is not known: no process that this user may look at listens on the socket; run as the server's user or as root, or give --pid"}
	}
	return w, nil
}

func (w *watched) add(target *gateway.Target) error {
	clock, err := gateway.OpenClock(target)
	if err != nil {
		return err
	}
	if w.pid == 0 {
		w.pid, w.executable, w.command = target.PID, target.Executable, target.Command
	}
	w.threads += target.Threads
	w.clocks = append(w.clocks, clock)
	return nil
}

// read reads all clocks. A server that has ended has none any more.
func (w *watched) read() reading {
	var r reading
	r.machine, _ = gateway.MachineTicks() // without it, steal and idle stay 0
	for _, clock := range w.clocks {
		t, err := clock.Read()
		if err != nil {
			r.server = nil
			return r
		}
		r.server = append(r.server, t)
	}
	return r
}

func (w *watched) close() {
	for _, clock := range w.clocks {
		_ = clock.Close() // read only
	}
	w.clocks = nil
}
