// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// Answered is how many requests had been answered over time, from the intervals
// of all slices, the warm-up's included, in any order. In the gaps between slices
// the load goes on and nobody counts: what is missing in the end to the total is
// spread over them by their length. end is when the load had ended.
func Answered(all []results.Slice, end, total int64) []results.RequestCount {
	all = slices.DeleteFunc(slices.Clone(all), func(s results.Slice) bool { return s.End <= s.Start })
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b results.Slice) int { return int(a.Start - b.Start) })
	var counted, gaps int64
	behind := all[0].Start
	for i := range all {
		gaps += max(0, all[i].Start-behind)
		behind = all[i].End
		for _, step := range steps(&all[i]) {
			counted += step.Count
		}
	}
	gaps += max(0, end-behind)
	perNs := 0.0
	if gaps > 0 {
		perNs = float64(max(0, total-counted)) / float64(gaps)
	}
	out := []results.RequestCount{{At: all[0].Start}}
	at, n := all[0].Start, 0.0
	for i := range all {
		if gap := all[i].Start - at; gap > 0 {
			n += perNs * float64(gap)
			at = all[i].Start
			out = append(out, results.RequestCount{At: at, Count: int64(n)})
		}
		for _, step := range steps(&all[i]) {
			n += float64(step.Count)
			if step.At > at {
				at = step.At
				out = append(out, results.RequestCount{At: at, Count: int64(n)})
			} else {
				out[len(out)-1].Count = int64(n)
			}
		}
	}
	if end > at {
		out = append(out, results.RequestCount{At: end, Count: max(int64(n), total)})
	}
	return out
}

// steps are what was answered in each interval of a slice, stamped with its end.
// Intervals of requests that outlived the slice are not of its time.
func steps(s *results.Slice) []results.RequestCount {
	var out []results.RequestCount
	for i := range s.Intervals {
		v := &s.Intervals[i]
		if v.End > s.Start && v.End <= s.End {
			out = append(out, results.RequestCount{At: v.End, Count: v.Counts.OK + v.Counts.Error})
		}
	}
	slices.SortFunc(out, func(a, b results.RequestCount) int { return int(a.At - b.At) })
	return out
}
