// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// Heap is the profile of a heap phase, in the form of Go's own heap profiles:
// what each place asked for, and what it holds at the end. Every call was
// counted, so nothing is scaled. Pages that the program mapped are in it, below
// the function that mapped them. What a place gave back beyond what it took in
// the phase can't be: less than nothing is written as nothing.
func Heap(h *results.Heap, start time.Time) Profile {
	p := Profile{
		Types: []Type{{"alloc_objects", "count"}, {"alloc_space", "bytes"},
			{"inuse_objects", "count"}, {"inuse_space", "bytes"}},
		Default: "inuse_space", Of: Type{"space", "bytes"}, Period: 1,
		Start: start, Duration: time.Duration(h.DurationNs),
	}
	for i := range h.All {
		s := &h.All[i]
		p.Stacks = append(p.Stacks, results.Stack{Frames: s.Frames, Complete: s.Complete})
		p.Samples = append(p.Samples, Sample{
			Stack: int32(i), Labels: Labels{Slice: -1},
			Values: []int64{s.Allocs, s.AllocBytes, max(0, s.LiveObjects), max(0, s.LiveBytes)},
		})
	}
	return p
}
