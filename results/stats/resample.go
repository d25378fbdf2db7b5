// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

// resampler draws blocks with replacement. Their histograms are kept as the few
// buckets that hold anything, by the place of the bucket among all of the run's.
type resampler struct {
	blocks []sparse
	values []int64 // upper edge of each bucket, rising
	sum    []int64 // of the drawn blocks, by bucket
	times  []int64 // how often each block was drawn
	count  int64   // of sum
}

// sparse is one block.
type sparse struct {
	seconds float64
	good    int64
	buckets []bucket
}

type bucket struct {
	at    int // place in values; while building, the upper edge
	count int64
}

func newResampler(blocks []block) *resampler {
	r := &resampler{times: make([]int64, len(blocks))}
	scratch := results.NewHistogram()
	for _, b := range blocks {
		s := sparse{}
		scratch.Reset()
		for i := range b {
			s.seconds += float64(b[i].End-b[i].Start) / 1e9
			s.good += b[i].Counts.OK
			b[i].ResponseTime.AddTo(scratch)
		}
		s.buckets = filled(scratch)
		for _, k := range s.buckets {
			r.values = append(r.values, int64(k.at))
		}
		slices.Sort(r.values) // at once: blocks have most of them in common
		r.values = slices.Compact(r.values)
		r.blocks = append(r.blocks, s)
	}
	for _, s := range r.blocks {
		for i := range s.buckets {
			s.buckets[i].at, _ = slices.BinarySearchFunc(r.values, int64(s.buckets[i].at), cmp.Compare[int64])
		}
	}
	r.sum = make([]int64, len(r.values))
	return r
}

// filled lists the buckets of a histogram that hold anything, in no more room than
// they take.
func filled(h *hdrhistogram.Histogram) []bucket {
	all := h.Distribution()
	n := 0
	for i := range all {
		if all[i].Count > 0 {
			n++
		}
	}
	out := make([]bucket, 0, n)
	for _, b := range all {
		if b.Count > 0 {
			out = append(out, bucket{int(b.To), b.Count})
		}
	}
	return out
}

// draw takes as many blocks as there are, with replacement.
func (r *resampler) draw(rng *rand.Rand) {
	clear(r.times)
	for range r.times {
		r.times[rng.IntN(len(r.times))]++
	}
	clear(r.sum)
	r.count = 0
	for i, times := range r.times {
		if times == 0 {
			continue
		}
		for _, b := range r.blocks[i].buckets {
			r.sum[b.at] += times * b.count
			r.count += times * b.count
		}
	}
}

// seconds is the length of the drawn blocks.
func (r *resampler) seconds() (s float64) {
	for i, times := range r.times {
		s += float64(times) * r.blocks[i].seconds
	}
	return s
}

// good is how many good answers came in the drawn blocks.
func (r *resampler) good() (n int64) {
	for i, times := range r.times {
		n += times * r.blocks[i].good
	}
	return n
}

// total is the count of all blocks, each once.
func (r *resampler) total() (n int64) {
	for _, s := range r.blocks {
		for _, b := range s.buckets {
			n += b.count
		}
	}
	return n
}

// quantile is a percentile of the drawn blocks; ok is false where nothing was
// drawn. One sample in oneIn lies beyond the percentile.
func (r *resampler) quantile(percentile float64, oneIn int64) (v float64, ok bool) {
	if r.count < oneIn {
		return 0, false
	}
	rank := max(1, int64(percentile/100*float64(r.count)+0.5))
	var below int64
	for i, n := range r.sum {
		if below += n; below >= rank {
			return float64(r.values[i]), true
		}
	}
	return 0, false
}
