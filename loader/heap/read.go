// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"fmt"
	"math"

	bpf "github.com/ipcprobe/ipcprobe/bpf/heap"
	"github.com/ipcprobe/ipcprobe/results"
)

// Sums are what was counted so far, of all CPUs.
type Sums struct {
	bpf.HeapSums
	AnsweredBytes uint64 // of answers, sent by the target since the probes were loaded
	Forks         uint64
	Ending        string // why nothing counts any more: the target executed or exits; else empty
	Clock         bool   // AnsweredBytes is kept
}

// LiveBytes is what is held now of the blocks handed out while it counted.
func (s *Sums) LiveBytes() int64 { return int64(s.AllocBytes - s.FreedBytes) }

// LiveObjects likewise, in blocks.
func (s *Sums) LiveObjects() int64 { return int64(s.Allocs - s.Frees) }

// Sums reads the counters. Those of different CPUs are read one after the other:
// while the target works, a block may be missing in one and not in the other.
func (p *Probes) Sums() (*Sums, error) {
	var cpus []bpf.HeapSums
	if err := p.objects.Totals.Lookup(uint32(0), &cpus); err != nil {
		return nil, fmt.Errorf("read the heap probes' sums: %w", err)
	}
	s := &Sums{Clock: p.clock}
	for i := range cpus {
		s.add(&cpus[i])
	}
	var ending uint32
	for _, v := range []struct {
		get func(any) error
		to  any
	}{
		{p.objects.AnsweredBytes.Get, &s.AnsweredBytes},
		{p.objects.Forks.Get, &s.Forks},
		{p.objects.Ending.Get, &ending},
	} {
		if err := v.get(v.to); err != nil {
			return nil, fmt.Errorf("read the heap probes' sums: %w", err)
		}
	}
	s.Ending = [...]string{"", "the target executed another program", "the target exited"}[min(ending, 2)]
	return s, nil
}

func (s *Sums) add(c *bpf.HeapSums) {
	s.Account.Seen += c.Account.Seen
	s.Account.Emitted += c.Account.Emitted
	s.Account.Filtered += c.Account.Filtered
	s.Account.Lost += c.Account.Lost
	s.Hits += c.Hits
	s.Allocs += c.Allocs
	s.Frees += c.Frees
	s.AllocBytes += c.AllocBytes
	s.FreedBytes += c.FreedBytes
	s.AllocBlockBytes += c.AllocBlockBytes
	s.FreedBlockBytes += c.FreedBlockBytes
	s.OlderFrees += c.OlderFrees
	s.Failed += c.Failed
	s.MappedBytes += c.MappedBytes
	s.UnmappedBytes += c.UnmappedBytes
	s.GrownBytes += c.GrownBytes
	for i := range s.Sizes {
		s.Sizes[i] += c.Sizes[i]
		s.Lifetimes[i] += c.Lifetimes[i]
	}
}

// Buckets makes bars of a count by highest bit: the first holds 0, the next 1,
// then 2 and 3, 4 to 7 and so on. Empty ends are left out.
func Buckets(counts []uint64) []results.HeapBucket {
	first, last := -1, -1
	for i, n := range counts {
		if n > 0 {
			last = i
			if first < 0 {
				first = i
			}
		}
	}
	if first < 0 {
		return nil
	}
	var bars []results.HeapBucket
	for i := first; i <= last; i++ {
		bar := results.HeapBucket{Low: 0, High: 1, Count: int64(counts[i])}
		if i > 0 {
			bar.Low, bar.High = int64(1)<<(i-1), math.MaxInt64
		}
		if i > 0 && i < 63 {
			bar.High = int64(1) << i
		}
		bars = append(bars, bar)
	}
	return bars
}
