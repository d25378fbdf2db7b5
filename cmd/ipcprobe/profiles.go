// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"math"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/massif"
	"github.com/ipcprobe/ipcprobe/results/profile"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// writeHeap stores the heap phase as pprof and as massif have it, if there was one.
func writeHeap(folder *store.Folder, m *measurement) error {
	if m.blocks == nil {
		return m.options.memory.valgrind.write(folder)
	}
	err := folder.Write("heap.pb.gz", func(w io.Writer) error { return profile.Write(w, profile.Heap(m.blocks, m.began)) })
	if err != nil {
		return err
	}
	return folder.Write("massif.out", func(w io.Writer) error { return massif.Write(w, m.blocks, m.server.target.Command) })
}

// writeProfiles stores the profiles, if samples were to be taken.
func writeProfiles(folder *store.Folder, m *measurement) error {
	if err := writeHeap(folder, m); err != nil {
		return err
	}
	if m.options.hz == 0 {
		return nil
	}
	run := m.profileRun()
	// Each is made when it is written: a long run's are large.
	for name, of := range map[string]func() profile.Profile{
		"cpu.pb.gz": m.cpuProfile, "offcpu.pb.gz": run.OffCPU, "syscalls.pb.gz": run.Calls,
	} {
		if err := folder.Write(name, func(w io.Writer) error { return profile.Write(w, of()) }); err != nil {
			return err
		}
	}
	return folder.Write("cpu.folded", func(w io.Writer) error {
		return profile.Folded(w, m.samples.Stacks(results.OnCPU, m.stacks))
	})
}

func (m *measurement) profileRun() profile.Run {
	return profile.Run{
		Samples: m.samples, Stacks: m.stacks, Program: m.program, Kinds: m.kindNames(),
		Start: m.began, Duration: m.lengthCarrying(results.Carried.Calls),
	}
}

// cpuProfile is the profile of CPU time; there have to be samples.
func (m *measurement) cpuProfile() profile.Profile {
	run := m.profileRun()
	run.Duration = m.lengthCarrying(results.Carried.Clock)
	return run.CPU(time.Second/time.Duration(m.options.hz), m.sampledCPU())
}

// carrying lists the probed slices that carried what is asked for.
func (m *measurement) carrying(what func(results.Carried) bool) []results.Slice {
	var list []results.Slice
	for i := range m.slices {
		if s := &m.slices[i]; s.Mode == results.Probed && what(s.Carried) {
			list = append(list, *s)
		}
	}
	return list
}

// lengthCarrying is the length of those slices.
func (m *measurement) lengthCarrying(what func(results.Carried) bool) time.Duration {
	var sum int64
	for _, s := range m.carrying(what) {
		sum += s.End - s.Start
	}
	return time.Duration(sum)
}

// sampledCPU is the target's CPU time in the slices in which it was sampled, ns; 0
// when its clocks could not be read.
func (m *measurement) sampledCPU() int64 {
	var sum int64
	for _, s := range m.carrying(results.Carried.Clock) {
		if s.TargetCPU[0].At > 0 && s.TargetCPU[1].At > 0 {
			sum += max(0, s.TargetCPU[1].Total-s.TargetCPU[0].Total)
		}
	}
	return sum
}

// kindNames are the kinds of a mix, by Request.Kind; nil when there is one.
func (m *measurement) kindNames() []string {
	kinds, _ := m.options.load.Kinds()
	if len(kinds) < 2 {
		return nil
	}
	names := make([]string, len(kinds))
	for i := range kinds {
		names[i] = kinds[i].Name
	}
	return names
}

// clockMiss is by how much (a share) the samples may miss the scheduler's count of
// CPU time before the reader is told, beside four deviations of their number.
const clockMiss = 0.1

// warnOfClock says that the samples do not find the CPU time that the scheduler
// counts: then part of the code can't be seen by them.
func (m *measurement) warnOfClock(samples int64) {
	spent := m.sampledCPU()
	if m.options.hz == 0 || spent == 0 || samples == 0 {
		return
	}
	found := float64(samples) / float64(m.options.hz) * 1e9 / float64(spent)
	if off := found - 1; math.Abs(off) > clockMiss+4/math.Sqrt(float64(samples)) {
		m.warn("the CPU samples stand for %.0f %% of the CPU time that the scheduler counted: shares of functions may be off, and code that runs with interrupts disabled shows where they are enabled again", 100*found)
	}
}
