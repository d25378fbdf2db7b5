// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/ipcprobe/ipcprobe/results"

// Kinds adds what the slices of one mode saw to each kind of a mix. kinds has
// names, shares and sizes; it is returned with the figures filled in. What the
// slices hold beyond these kinds is left out.
func Kinds(kinds []results.KindLoad, slices []results.Slice, mode results.Mode) []results.KindLoad {
	var seconds float64
	sums := make([]results.KindCounts, len(kinds))
	for i := range slices {
		s := &slices[i]
		if s.Mode != mode {
			continue
		}
		seconds += s.Seconds()
		for k := range min(len(kinds), len(s.Kinds)) {
			sums[k].Merge(&s.Kinds[k])
		}
	}
	for k := range kinds {
		sum := &sums[k]
		rps := perSecond(sum.Counts.OK, seconds)
		kinds[k].Requests, kinds[k].AchievedRPS = sum.Counts, &rps
		kinds[k].ResponseTime = Distribution(sum.ResponseTime.Histogram())
		kinds[k].RoundTrip = Distribution(sum.RoundTrip.Histogram())
	}
	return kinds
}
