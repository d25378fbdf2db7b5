// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"

	"github.com/ipcprobe/ipcprobe/results"
)

// Overhead estimates the probes' own cost from neighbouring slices. Each probed
// slice is compared with the bare slices right before and behind it (the
// geometric mean of both where there are two, which cancels a steady drift), as
// a log ratio of throughput and of the target's CPU time an answer; Location
// makes point and interval of the ratios.
//
// Two probed slices that share a bare neighbour are not independent. The interval
// is widened about its point by the factor by which that raises the variance of
// the mean: 1.15 where bare and probed alternate.
//
// Where families of probes take turns, a family's cost differs from another's. What
// is told is the mean of theirs, each with the same weight; the interval is of how
// much the pairs vary within a family.
//
// In an open loop the rate is given, so ThroughputPct is nil and Quoted is
// "cpu". With fewer than 3 pairs there are points and no intervals; with none,
// no points. Programs are left to the caller. Nil when no slice was probed.
func Overhead(slices []results.Slice, closed bool) *results.Overhead {
	var probed, all int64
	for i := range slices {
		s := &slices[i]
		if s.Mode == results.Warmup {
			continue
		}
		all += s.End - s.Start
		if s.Mode == results.Probed {
			probed += s.End - s.Start
		}
	}
	if probed == 0 {
		return nil
	}
	o := &results.Overhead{
		Quoted:         "cpu",
		ProbedSharePct: 100 * float64(probed) / float64(all),
		Programs:       []results.ProgramCost{},
	}
	cpu := alike(compare(slices, nsPerRequest))
	o.Pairs = len(cpu)
	o.CPUPct, o.CPUInterval = percent(cpu, func(x float64) float64 { return 100 * math.Expm1(x) })
	o.Interval = o.CPUInterval
	if closed {
		rate := alike(compare(slices, answerRate))
		o.Quoted = "throughput"
		o.Pairs = len(rate)
		o.ThroughputPct, o.Interval = percent(rate, func(x float64) float64 { return -100 * math.Expm1(x) })
	}
	return o
}

// answerRate is a slice's answers per second; ok is false when there are none.
func answerRate(s *results.Slice) (rps float64, ok bool) {
	n := answers(s)
	return perSecond(n, s.Seconds()), n > 0 && s.End > s.Start
}

// pair is a probed slice against its bare neighbours, by index.
type pair struct {
	ratio      float64 // log of probed over bare
	carried    results.Carried
	neighbours []int
}

// compare pairs each probed slice with its bare neighbours in one figure. Gaps
// are passed over; a slice without the figure is no neighbour.
func compare(slices []results.Slice, figure func(*results.Slice) (float64, bool)) []pair {
	var pairs []pair
	for i := range slices {
		if slices[i].Mode != results.Probed {
			continue
		}
		probed, ok := figure(&slices[i])
		if !ok {
			continue
		}
		p := pair{ratio: math.Log(probed), carried: slices[i].Carried}
		sum := 0.0
		for _, step := range []int{-1, 1} {
			j := i + step
			for j >= 0 && j < len(slices) && slices[j].Mode == results.Gap {
				j += step
			}
			if j < 0 || j >= len(slices) || slices[j].Mode != results.Bare {
				continue
			}
			if bare, ok := figure(&slices[j]); ok {
				sum += math.Log(bare)
				p.neighbours = append(p.neighbours, j)
			}
		}
		if n := len(p.neighbours); n > 0 {
			p.ratio -= sum / float64(n)
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// alike moves the pairs of each family to where all have the same centre: the mean of
// the families' own.
func alike(pairs []pair) []pair {
	by := make(map[results.Carried][]float64)
	for _, p := range pairs {
		by[p.carried] = append(by[p.carried], p.ratio)
	}
	if len(by) < 2 {
		return pairs
	}
	centre, mean := make(map[results.Carried]float64), 0.0
	for carried, ratios := range by {
		e, _ := Location(ratios)
		centre[carried] = e.Point
		mean += e.Point / float64(len(by))
	}
	for i := range pairs {
		pairs[i].ratio += mean - centre[pairs[i].carried]
	}
	return pairs
}

// percent is the centre of the pairs' log ratios and its interval, each turned
// into a percentage.
func percent(pairs []pair, of func(log float64) float64) (*float64, *[2]float64) {
	ratios := make([]float64, len(pairs))
	for i := range pairs {
		ratios[i] = pairs[i].ratio
	}
	if len(ratios) == 0 {
		return nil, nil
	}
	e, ok := Location(ratios)
	point := of(e.Point)
	if !ok {
		return &point, nil
	}
	factor := sharing(pairs)
	low := of(e.Point + factor*(e.Interval[0]-e.Point))
	high := of(e.Point + factor*(e.Interval[1]-e.Point))
	return &point, &[2]float64{min(low, high), max(low, high)}
}

// sharing is the factor by which shared neighbours make the mean of the pairs
// vary more than their spread shows, if all slices vary alike and independently.
func sharing(pairs []pair) float64 {
	n := float64(len(pairs))
	weights := make(map[int]float64)
	single := 0.0 // sum of the pairs' variances, in units of a slice's
	for _, p := range pairs {
		w := 1 / float64(len(p.neighbours))
		single += 1 + w
		for _, j := range p.neighbours {
			weights[j] += w
		}
	}
	mean := n
	for _, w := range weights {
		mean += w * w
	}
	mean /= n * n // variance of the mean
	seen := (single - n*mean) / (n - 1) / n
	return max(1, math.Sqrt(mean/seen))
}
