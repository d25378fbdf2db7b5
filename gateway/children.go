// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"errors"
	"os"

	"github.com/ipcprobe/ipcprobe/results"
)

// Children lists the target's child processes that run, and theirs, nearest
// first. It reads the stat of every process, a few ms on a busy machine.
func (t *Target) Children(ctx context.Context) ([]int, error) {
	return descendants(ctx, t.PID)
}

// Strangers are those of the children that run another program than the target: a
// shell that it started, a helper. Ones that have ended are none.
func (t *Target) Strangers(children []int) []int {
	var others []int
	for _, pid := range children {
		info, err := os.Stat(procPath(pid, "exe"))
		if err == nil && fileIDOf(info) != t.file {
			others = append(others, pid)
		}
	}
	return others
}

// FamilyClock is the Clock of a target and its children together. Of a child that
// ends the time since the reading before is missing, and one that is forked and
// ends between two readings is not counted at all.
type FamilyClock struct {
	target   *Target
	own      *Clock
	children map[int]*Clock
	ended    results.CPUTime // of children that have ended, as last read
	last     map[int]results.CPUTime
}

// OpenFamilyClock opens the clocks of a target and of the children it has now.
func OpenFamilyClock(t *Target) (*FamilyClock, error) {
	own, err := OpenClock(t)
	if err != nil {
		return nil, err
	}
	return &FamilyClock{target: t, own: own, children: make(map[int]*Clock), last: make(map[int]results.CPUTime)}, nil
}

// Read takes a reading of all clocks; what has been forked since the one before
// is found first. It fails, as Clock.Read does, when the target itself has ended.
func (f *FamilyClock) Read() (results.CPUTime, error) {
	children, err := f.target.Children(context.Background())
	if err != nil {
		return results.CPUTime{}, err
	}
	for _, pid := range children {
		if f.children[pid] != nil {
			continue
		}
		if clock, err := OpenProcessClock(pid); err == nil { // else it has ended meanwhile
			f.children[pid] = clock
		}
	}
	sum, err := f.own.Read()
	if err != nil {
		return sum, err
	}
	for pid, clock := range f.children {
		cpu, err := clock.Read()
		if err != nil {
			add(&f.ended, f.last[pid])
			delete(f.last, pid)
			delete(f.children, pid)
			_ = clock.Close() // read only
			continue
		}
		f.last[pid] = cpu
		add(&sum, cpu)
	}
	add(&sum, f.ended)
	return sum, nil
}

func add(sum *results.CPUTime, part results.CPUTime) {
	sum.Total += part.Total
	sum.User += part.User
	sum.Kernel += part.Kernel
}

// Close closes all clocks. It may be called again.
func (f *FamilyClock) Close() error {
	errs := []error{f.own.Close()}
	for _, clock := range f.children {
		errs = append(errs, clock.Close())
	}
	f.children = nil
	return errors.Join(errs...)
}
