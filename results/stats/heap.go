// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"math"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// HitCost is what a stop in a heap probe costs the target, ns of its CPU time:
// the difference of the CPU time a request between slices with the probes and
// without, over the stops a request. The interval is Welch's; ok is false where
// there is too little to tell.
func HitCost(slices []results.Slice, hitsPerRequest float64) (cost results.Estimate, ok bool) {
	bare, probed := busyOf(slices, results.Bare), busyOf(slices, results.Probed)
	if bare.slices < 2 || probed.slices < 2 || bare.requests == 0 || probed.requests == 0 || !(hitsPerRequest > 0) {
		return cost, false
	}
	cost.Point = (probed.each - bare.each) / hitsPerRequest
	sb, sp := bare.variance, probed.variance
	if sb+sp == 0 {
		cost.Interval = [2]float64{cost.Point, cost.Point}
		return cost, true
	}
	freedom := (sb + sp) * (sb + sp) / (sb*sb/float64(bare.slices-1) + sp*sp/float64(probed.slices-1))
	half := t975(int(freedom)) * math.Sqrt(sb+sp) / hitsPerRequest
	cost.Interval = [2]float64{cost.Point - half, cost.Point + half}
	return cost, true
}

// busy is the CPU time of the target a request in the slices of a mode: all of it
// over all requests, for a slice with few requests is no worse than its part.
type busy struct {
	slices   int
	requests int64
	each     float64 // ns
	variance float64 // of each; a ratio's, by its slices (Cochran 1977, 6.3)
}

func busyOf(slices []results.Slice, mode results.Mode) (b busy) {
	var cpu, requests []float64
	var total float64
	for i := range slices {
		s := &slices[i]
		if s.Mode != mode {
			continue
		}
		c := s.Counts()
		n, spent := c.OK+c.Error, float64(s.TargetCPU[1].Total-s.TargetCPU[0].Total)
		cpu, requests = append(cpu, spent), append(requests, float64(n))
		b.slices++
		b.requests += n
		total += spent
	}
	if b.requests == 0 {
		return b
	}
	b.each = total / float64(b.requests)
	if b.slices < 2 {
		return b
	}
	for i := range cpu {
		rest := cpu[i] - b.each*requests[i]
		b.variance += rest * rest
	}
	k := float64(b.slices)
	b.variance *= k / (k - 1) / float64(b.requests) / float64(b.requests)
	return b
}

// BusyPerRequest is the target's CPU time a request in the slices of a mode, ns; 0
// where nothing was answered.
func BusyPerRequest(slices []results.Slice, mode results.Mode) float64 {
	return busyOf(slices, mode).each
}

// dearestHit is more than a stop in a probe costs anywhere, ns: over ten times what
// it does in the guest of a hypervisor. Of a server that hardly allocates, the
// difference that a stop's cost comes from is noise, over next to no stops.
const dearestHit = 50_000

// HeapRate is the rate, requests a second, at which stops of the given number
// and cost take the budget, percent of one core: the upper end of the cost's
// interval counts, within reason. It is infinite where there is nothing to pay.
func HeapRate(budgetPct, hitsPerRequest float64, nsPerHit results.Estimate) float64 {
	ns := min(max(nsPerHit.Point, nsPerHit.Interval[1]), dearestHit)
	if !(hitsPerRequest*ns > 0) {
		return math.Inf(1)
	}
	return budgetPct / 100 * 1e9 / (hitsPerRequest * ns)
}

// HeapCost is what the probes took of one core at the phase's own pace.
func HeapCost(h *results.Heap, hits uint64, nsPerHit results.Estimate, budgetPct float64) *results.Cost {
	if h.Requests == 0 || h.DurationNs == 0 {
		return nil
	}
	share := 100 * float64(hits) / float64(h.DurationNs)
	return &results.Cost{
		HitsPerRequest: float64(hits) / float64(h.Requests),
		NsPerHit:       nsPerHit.Point,
		CorePct:        share * nsPerHit.Point,
		Interval:       &[2]float64{share * nsPerHit.Interval[0], share * nsPerHit.Interval[1]},
		BudgetPct:      budgetPct,
	}
}

// ScaleMoments makes the requests of a phase's moments those that were answered:
// some of them are bytes over what the scout took for an answer's length, which may
// be a little off. At the last moment all have been answered.
func ScaleMoments(h *results.Heap) {
	n := len(h.Moments)
	if n == 0 || h.Moments[n-1].Requests <= 0 || h.Requests <= 0 {
		return
	}
	scale := float64(h.Requests) / float64(h.Moments[n-1].Requests)
	for i := range h.Moments {
		h.Moments[i].Requests = int64(math.Round(float64(h.Moments[i].Requests) * scale))
	}
}

// HeapSites joins sites that are one place to a reader (the same function of the
// same object that asks the same way) and returns the n that hold most, then
// those that ask for most.
func HeapSites(all []results.HeapSite, n int) []results.HeapSite {
	type place struct {
		call, function, object string
	}
	joined := make(map[place]*results.HeapSite)
	var order []*results.HeapSite
	for i := range all {
		s := &all[i]
		key := place{s.Call, s.Function, s.Object}
		j := joined[key]
		if j == nil {
			j = &results.HeapSite{Call: s.Call, Function: s.Function, Object: s.Object, Mapped: s.Mapped, Frames: s.Frames}
			joined[key] = j
			order = append(order, j)
		}
		j.Allocs += s.Allocs
		j.Frees += s.Frees
		j.AllocBytes += s.AllocBytes
		j.LiveBytes += s.LiveBytes
		j.LiveObjects += s.LiveObjects
	}
	slices.SortFunc(order, func(a, b *results.HeapSite) int {
		return cmp.Or(cmp.Compare(b.LiveBytes, a.LiveBytes), cmp.Compare(b.AllocBytes, a.AllocBytes),
			cmp.Compare(b.Allocs, a.Allocs), cmp.Compare(a.Function, b.Function))
	})
	var top []results.HeapSite
	for _, s := range order[:min(n, len(order))] {
		top = append(top, *s)
	}
	return top
}

// CutPct is the share of allocations whose stack did not reach the thread's
// start, percent.
func CutPct(all []results.HeapSite) float64 {
	var cut, total int64
	for i := range all {
		total += all[i].Allocs
		if !all[i].Complete {
			cut += all[i].Allocs
		}
	}
	if total == 0 {
		return 0
	}
	return 100 * float64(cut) / float64(total)
}
