// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// ratePoints is how many rates a run is divided into, at most.
const ratePoints = 8

// CPUByRate says what the target spent at the different rates of a run whose rate
// changes: slices of one mode, gathered by how many requests were answered a
// second, in up to 8 ranges of equal width between the lowest and the highest.
// Nil when there are fewer than two.
func CPUByRate(all []results.Slice, mode results.Mode) []results.RatePoint {
	type stretch struct {
		rate         float64
		wall, total  int64
		seconds, got float64
	}
	var some []stretch
	for i := range all {
		s := &all[i]
		if s.Mode != mode || !clocked(s) || s.End <= s.Start {
			continue
		}
		got := float64(answers(s))
		some = append(some, stretch{
			rate: got / s.Seconds(), wall: s.TargetCPU[1].At - s.TargetCPU[0].At,
			total: s.TargetCPU[1].Total - s.TargetCPU[0].Total, seconds: s.Seconds(), got: got,
		})
	}
	if len(some) < 2 {
		return nil
	}
	slices.SortFunc(some, func(a, b stretch) int { return cmp.Compare(a.rate, b.rate) })
	low, high := some[0].rate, some[len(some)-1].rate
	width := (high - low) / ratePoints
	if width <= 0 {
		return nil
	}
	var out []results.RatePoint
	for i := 0; i < len(some); {
		bin := min(ratePoints-1, int((some[i].rate-low)/width))
		var sum stretch
		n := 0
		for ; i < len(some) && min(ratePoints-1, int((some[i].rate-low)/width)) == bin; i++ {
			s := &some[i]
			sum.wall, sum.total = sum.wall+s.wall, sum.total+s.total
			sum.seconds, sum.got = sum.seconds+s.seconds, sum.got+s.got
			n++
		}
		p := results.RatePoint{RPS: sum.got / sum.seconds, Slices: n, UtilisationPct: 100 * float64(sum.total) / float64(sum.wall)}
		if sum.got > 0 {
			each := float64(sum.total) / sum.got
			p.NsPerRequest = &each
		}
		out = append(out, p)
	}
	if len(out) < 2 {
		return nil
	}
	return out
}
