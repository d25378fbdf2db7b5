// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/leak"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// settleMemory is how long the target gets at most, behind the load, to give back
// what it does not keep.
const settleMemory = 2 * time.Second

// settle takes the final look at the target's memory once it rests.
func (m *measurement) settle(ctx context.Context, memory *gateway.Sampler) {
	if m.ended == "" && m.cut == nil && m.broken == nil {
		memory.Settle(ctx, settleMemory)
	}
	if err := memory.Close(); err != nil {
		m.warn("%v", err)
	}
	record := memory.Record()
	if whole := stats.Memory(&record, m.counts); whole != nil {
		m.memory = *whole
	}
	m.memory.Faults, m.memory.Growth = m.faults, m.growth
	if len(m.counts) > 0 {
		verdict := leak.FromCurve(m.memory.Curve)
		m.memory.Leak = &verdict
	}
	m.memory.Curve = stats.Thinned(m.memory.Curve)
	if m.memory.Baseline == nil {
		m.warn("the resident set is from /proc/PID/status: the kernel let nobody read smaps_rollup, so PSS is not known")
	}
}

// judgeLeak lets the heap's own account decide, where it can: it is exact, and the
// resident set moves in pages and with what the allocator keeps. That nothing leaks
// is said only of a process that was seen at work.
func (m *measurement) judgeLeak() {
	if m.blocks != nil {
		m.judgeByHeap()
	}
	l := m.memory.Leak
	if l == nil || l.Verdict == results.LeakFound {
		return
	}
	if others := m.answeredByOthers(); others != "" {
		m.memory.Leak = &results.Leak{
			Verdict: results.LeakInconclusive, View: l.View,
			Reason: others + ", whose memory is not looked at; measure one of them with --pid",
		}
	}
}

// answeredByOthers says where the requests may have been answered by other processes
// than the one whose memory was seen; empty: they were not.
func (m *measurement) answeredByOthers() string {
	switch {
	case m.idle, m.join.Requests() > 0 && m.join.Matched == 0:
		return "the target answered no request itself: other processes did"
	case m.family != nil && m.family.Followed && m.family.Processes > 0:
		return "the requests may have been answered by the target's child processes"
	}
	return ""
}

func (m *measurement) judgeByHeap() {
	heap, rss := leak.FromHeap(m.blocks), m.memory.Leak
	short := m.blocks.Requests < leak.FewestLeak
	if heap.Verdict == results.LeakInconclusive && short && rss != nil && rss.Verdict != results.LeakInconclusive {
		m.warn("the heap phase could not tell whether the target leaks (%s): the verdict is of the resident set", heap.Reason)
		return
	}
	if heap.Verdict == results.LeakNone && rss != nil && rss.Verdict == results.LeakFound {
		m.warn("the resident set grows with the requests, but live heap bytes do not: the allocator keeps or fragments it, or it is not from the allocator at all")
	}
	m.memory.Leak = &heap
}
