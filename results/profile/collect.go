// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// pendingMost bounds the samples that wait for the run's percentiles: 13 MiB, or twice
// that as the list grows. Beyond it they are told by the percentiles so far.
const pendingMost = 1 << 17

// groupsMost bounds the groups of the samples of all kinds: 10 MB here, some 30 MB while
// the largest of the profiles is written.
const groupsMost = 1 << 16

// Collector gathers samples slice after slice. What band a request belongs to is
// known when all have been seen, so samples wait until then. A long run, or one of many
// threads, has more groups than are kept: then neighbouring slices are counted as one,
// 2, 4, 8 in a row and so on, so that memory depends on how many stacks and threads there
// are, not on the length of the run.
type Collector struct {
	bands   func(results.SampleKind) Bands
	pending []results.Sample
	groups  map[group]Sums
	most    int // groupsMost
	row     int // slices that are counted as one
	last    int // the last slice that had samples
}

// group is what samples have in common that are counted together.
type group struct {
	stack   int32
	kind    results.SampleKind
	thread  uint32
	slice   int // the first of its row
	call    string
	request int // -1: none
	band    Band
}

// Sums are of the samples of one group.
type Sums struct {
	Samples  int64 // stacks that were taken
	Weight   int64 // moments that they stand for
	Blocked  int64 // ns, weighted, as are the following
	Idle     int64
	RunQueue int64
}

// NewCollector makes an empty Collector; bands gives the percentiles so far, of the
// slices that samples of a kind come from.
func NewCollector(bands func(results.SampleKind) Bands) *Collector {
	return &Collector{bands: bands, groups: make(map[group]Sums), most: groupsMost, row: 1}
}

// Add takes the samples of one slice, by its place in result.json; it keeps none of the memory.
func (c *Collector) Add(slice int, samples []results.Sample) {
	at := len(c.pending)
	c.pending = append(c.pending, samples...)
	for i := range c.pending[at:] {
		c.pending[at+i].Slice = slice
	}
	c.last = max(c.last, slice)
	if len(c.pending) > pendingMost {
		c.settle()
	}
}

// settle gives the pending samples their bands.
func (c *Collector) settle() {
	if len(c.pending) == 0 {
		return
	}
	var bands [results.CallEntry + 1]Bands
	for kind := results.OnCPU; kind <= results.CallEntry; kind++ {
		bands[kind] = c.bands(kind)
	}
	for i := range c.pending {
		s := &c.pending[i]
		key := group{stack: s.Stack, kind: s.Kind, thread: s.Thread, slice: s.Slice / c.row * c.row, call: s.Call, request: -1}
		if s.Served {
			key.request, key.band = int(s.Request), bands[s.Kind].Of(s.RoundTrip)
		}
		c.count(key, Sums{
			Samples: 1, Weight: s.Weight,
			Blocked: s.Weight * s.Blocked, Idle: s.Weight * s.Idle, RunQueue: s.Weight * s.RunQueue,
		})
		for len(c.groups) > c.most && c.row <= c.last {
			c.widen()
		}
	}
	c.pending = c.pending[:0]
}

// count adds to a group.
func (c *Collector) count(key group, more Sums) {
	sums := c.groups[key]
	sums.Samples += more.Samples
	sums.Weight += more.Weight
	sums.Blocked += more.Blocked
	sums.Idle += more.Idle
	sums.RunQueue += more.RunQueue
	c.groups[key] = sums
}

// widen counts twice as many slices as one.
func (c *Collector) widen() {
	narrow := c.groups
	c.row *= 2
	c.groups = make(map[group]Sums, len(narrow)/2)
	for key, sums := range narrow {
		key.slice = key.slice / c.row * c.row
		c.count(key, sums)
	}
}

// Count is the number of stacks of a kind that were taken, and of the moments
// that they stand for.
func (c *Collector) Count(kind results.SampleKind) (samples, weight int64) {
	c.settle()
	for key, sums := range c.groups {
		if key.kind == kind {
			samples += sums.Samples
			weight += sums.Weight
		}
	}
	return samples, weight
}

// Stacks are those of one kind out of all, with their numbers of samples; those
// of other kinds have none.
func (c *Collector) Stacks(kind results.SampleKind, all []results.Stack) []results.Stack {
	c.settle()
	out := slices.Clone(all)
	for i := range out {
		out[i].Samples = 0
	}
	for key, sums := range c.groups {
		if key.kind == kind {
			out[key.stack].Samples += sums.Samples
		}
	}
	return out
}

// Weighted is Stacks with the number of something that each stack stands for in
// the place of its samples.
func (c *Collector) Weighted(kind results.SampleKind, all []results.Stack, of func(*Sums) int64) []results.Stack {
	c.settle()
	out := slices.Clone(all)
	for i := range out {
		out[i].Samples = 0
	}
	for key, sums := range c.groups {
		if key.kind == kind {
			out[key.stack].Samples += of(&sums)
		}
	}
	return out
}

// samples lists the samples of one kind in a settled order. kinds names requests
// of a mix; nil: there is one kind.
func (c *Collector) samples(kind results.SampleKind, kinds []string, values func(*Sums) []int64) []Sample {
	c.settle()
	keys := make([]group, 0, len(c.groups))
	for key := range c.groups {
		if key.kind == kind {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.slice, b.slice), cmp.Compare(a.thread, b.thread), cmp.Compare(a.stack, b.stack),
			cmp.Compare(a.call, b.call), cmp.Compare(a.request, b.request), cmp.Compare(a.band, b.band))
	})
	out := make([]Sample, 0, len(keys))
	for _, key := range keys {
		l := Labels{Thread: key.thread, Slice: key.slice, Call: key.call, Band: key.band}
		if key.request >= 0 && key.request < len(kinds) {
			l.Request = kinds[key.request]
		}
		sums := c.groups[key]
		out = append(out, Sample{Stack: key.stack, Values: values(&sums), Labels: l})
	}
	return out
}
