// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"cmp"
	"slices"
	"sort"
)

// Sample is one look: what was retained when so many requests had been answered.
type Sample struct {
	Requests int64
	Bytes    int64
}

// clean sorts the samples by requests. Of several at one number of requests the
// first stays: the others are of a process at rest, and what it gives back then
// can't be held against what it holds under load.
func clean(samples []Sample) []Sample {
	all := slices.Clone(samples)
	slices.SortStableFunc(all, func(a, b Sample) int { return cmp.Compare(a.Requests, b.Requests) })
	return slices.CompactFunc(all, func(a, b Sample) bool { return a.Requests == b.Requests })
}

// envelope is, at each sample, the least of it and all that follow: what was held
// then and never given back while anybody looked.
func envelope(all []Sample) []Sample {
	out := slices.Clone(all)
	for i := len(out) - 2; i >= 0; i-- {
		out[i].Bytes = min(out[i].Bytes, out[i+1].Bytes)
	}
	return out
}

// at gives the envelope at a number of requests, between two samples on the
// straight line.
func at(env []Sample, requests float64) float64 {
	i := sort.Search(len(env), func(i int) bool { return float64(env[i].Requests) >= requests })
	switch {
	case i == 0:
		return float64(env[0].Bytes)
	case i == len(env):
		return float64(env[i-1].Bytes)
	}
	a, b := env[i-1], env[i]
	part := (requests - float64(a.Requests)) / float64(b.Requests-a.Requests)
	return float64(a.Bytes) + part*float64(b.Bytes-a.Bytes)
}

// drawdown is the most by which what was held ever fell.
func drawdown(all []Sample) float64 {
	var highest, most int64
	for i, s := range all {
		if i == 0 || s.Bytes > highest {
			highest = s.Bytes
		}
		most = max(most, highest-s.Bytes)
	}
	return float64(most)
}
