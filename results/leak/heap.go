// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	stacksMost = 10 // that are named
	framesMost = 32
)

// FromHeap judges live bytes, those of all sites together and those of each: a leak
// of a block now and then drowns in the sum, but not at its own site. What one
// site gains and another gives back (blocks that are replaced by others) is no
// leak: the sum must bear it.
func FromHeap(h *results.Heap) results.Leak {
	var all []Sample
	bySite := make([][]Sample, len(h.All))
	moments := loaded(h.Moments)
	for i := range moments {
		m := &moments[i]
		all = append(all, Sample{m.Requests, m.LiveBytes + m.MappedBytes})
	}
	for _, m := range moments {
		if m.Sites == nil {
			continue // only the sums were read, or nothing is held
		}
		held := map[int]int64{}
		for _, s := range m.Sites {
			held[s.Site] += s.Bytes
		}
		for site := range h.All { // one that is not in the list held nothing
			bySite[site] = append(bySite[site], Sample{m.Requests, held[site]})
		}
	}
	leak := Judge(all, Heap)
	var sum float64
	var interval [2]float64
	for site := range h.All {
		one := Judge(bySite[site], Heap)
		if one.Verdict != results.LeakFound {
			continue
		}
		sum += *one.BytesPer1000
		interval[0] += one.Interval[0]
		interval[1] += one.Interval[1]
		leak.Requests = one.Requests
		leak.Stacks = append(leak.Stacks, stackOf(&h.All[site], *one.BytesPer1000))
	}
	slices.SortStableFunc(leak.Stacks, func(a, b results.LeakStack) int { return cmp.Compare(b.BytesPer1000, a.BytesPer1000) })
	if len(leak.Stacks) > 0 {
		bySites(&leak, sum, interval)
	}
	leak.Stacks = leak.Stacks[:min(len(leak.Stacks), stacksMost)]
	return leak
}

// bySites makes the verdict one of the sites that leak.
func bySites(leak *results.Leak, sum float64, interval [2]float64) {
	if leak.Interval == nil || leak.Interval[1] < sum/2 {
		leak.Verdict = results.LeakInconclusive
		leak.Reason = "some call sites hold more and more, but others give as much back"
		return
	}
	if leak.Verdict != results.LeakFound {
		leak.Reason = fmt.Sprintf("what %d call sites hold grew steadily and was never given back; in the sum of all it is hidden by what comes and goes", len(leak.Stacks))
		if len(leak.Stacks) == 1 {
			leak.Reason = "what one call site holds grew steadily and was never given back; in the sum of all it is hidden by what comes and goes"
		}
	}
	leak.Verdict = results.LeakFound
	leak.BytesPer1000, leak.Interval = &sum, &interval
	resolution := (interval[1] - interval[0]) / 2
	leak.Resolution = &resolution
}

// idleShare is how many of the looks under load must be between bursts for these
// alone to count, and idleFewest how many at least: less is too little for a fit.
const (
	idleShare  = 0.5
	idleFewest = 2 * fewestStretch * looksAStretch
)

// loaded are the moments that are not behind the load: see FromCurve. Those of a
// target that rests between two bursts are like each other, and what is held for
// requests under way is not in them: where most are such, and enough, they are all.
func loaded(moments []results.HeapMoment) []results.HeapMoment {
	var all, idle []results.HeapMoment
	for _, m := range moments {
		if m.Rest {
			continue
		}
		all = append(all, m)
		if m.Idle {
			idle = append(idle, m)
		}
	}
	if len(idle) >= idleFewest && float64(len(idle)) > idleShare*float64(len(all)) {
		return idle
	}
	return all
}

func stackOf(s *results.HeapSite, per float64) results.LeakStack {
	stack := results.LeakStack{
		Function: s.Function, Object: s.Object, Call: s.Call, BytesPer1000: per,
		LiveBytes: s.LiveBytes, LiveObjects: s.LiveObjects, Frames: []string{},
	}
	for i, f := range s.Frames {
		if i == framesMost {
			break
		}
		stack.Frames = append(stack.Frames, f.Function)
	}
	return stack
}
