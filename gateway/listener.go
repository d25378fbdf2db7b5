// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import "context"

// listener finds the nearest process, from the started one and what it left in
// the background downwards, that listens on a Unix socket (wanted, if given). Where the one that opened
// the socket has exactly one child of the same program that holds it too, the
// child does the work (a master and its worker) and is taken.
func (p *Process) listener(ctx context.Context, wanted string) (*Target, []Socket) {
	var below []int
	for _, pid := range append([]int{p.pid}, p.rest()...) {
		more, err := descendants(ctx, pid)
		if err != nil {
			return nil, nil
		}
		below = append(append(below, pid), more...)
	}
	type candidate struct {
		target  *Target
		sockets []Socket
	}
	var first *candidate
	var workers []candidate
	looked := make(map[int]bool)
	for _, pid := range below {
		if looked[pid] {
			continue
		}
		looked[pid] = true
		t, err := Inspect(ctx, pid)
		if err != nil {
			continue
		}
		sockets, err := t.Sockets(ctx)
		if err != nil || len(sockets) == 0 {
			continue
		}
		if wanted != "" {
			if _, err := Choose(sockets, wanted, t); err != nil {
				continue
			}
		}
		switch {
		case first == nil:
			first = &candidate{t, sockets}
		case t.Parent == first.target.PID && t.file == first.target.file && sharesSocket(sockets, first.sockets):
			workers = append(workers, candidate{t, sockets})
		}
	}
	switch {
	case first == nil:
		return nil, nil
	case len(workers) == 1:
		first = &workers[0]
	}
	return first.target, first.sockets
}

func sharesSocket(a, b []Socket) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Inode == y.Inode {
				return true
			}
		}
	}
	return false
}
