// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// costly is a slice of 100 requests that took so much CPU each, ns.
func costly(mode results.Mode, each int64) results.Slice {
	return results.Slice{Mode: mode, Intervals: []results.Interval{{Counts: results.Counts{OK: 90, Error: 10}}},
		TargetCPU: [2]results.CPUTime{{Total: 5}, {Total: 5 + 100*each}}}
}

func TestAHitCostsTheDifferenceOverTheHits(t *testing.T) {
	slices := []results.Slice{
		costly(results.Bare, 990), costly(results.Bare, 1010), costly(results.Probed, 6010), costly(results.Probed, 5990),
		costly(results.Bare, 1000), costly(results.Probed, 6000), costly(results.Gap, 1e6),
	}
	cost, ok := HitCost(slices, 10)
	if !ok || math.Abs(cost.Point-500) > 1e-9 {
		t.Fatalf("%+v, %v; want 500 ns", cost, ok)
	}
	if half := cost.Interval[1] - 500; half <= 0 || half > 5 || math.Abs(500-cost.Interval[0]-half) > 1e-9 {
		t.Errorf("interval %v", cost.Interval)
	}
	for name, c := range map[string]struct {
		slices []results.Slice
		hits   float64
	}{"no hits": {slices, 0}, "no slices": {nil, 10}, "one of each": {slices[1:3], 10}} {
		if _, ok := HitCost(c.slices, c.hits); ok {
			t.Errorf("%s: a cost all the same", name)
		}
	}
}

// A slice with a request or none, in which the target did other things, is no worse
// than its part.
func TestASliceWithFewRequestsWeighsLittle(t *testing.T) {
	var slices []results.Slice
	for range 20 {
		slices = append(slices, costly(results.Bare, 1000), costly(results.Probed, 6000))
	}
	few := costly(results.Probed, 20) // 2,000 ns on one request
	few.Intervals[0].Counts = results.Counts{OK: 1}
	none := costly(results.Probed, 20)
	none.Intervals = nil
	cost, ok := HitCost(append(slices, few, none), 10)
	if !ok || math.Abs(cost.Point-500) > 1 || cost.Interval[1] > 502 {
		t.Errorf("%+v, %v; want 500 ns", cost, ok)
	}
}

func TestTheRateTakesTheBudget(t *testing.T) {
	ns := results.Estimate{Point: 1000, Interval: [2]float64{800, 1250}}
	if got := HeapRate(3, 40, ns); math.Abs(got-600) > 1e-9 { // 600/s × 40 × 1.25 µs = 3 % of a second
		t.Errorf("%v requests/s, want 600", got)
	}
	if got := HeapRate(3, 0, ns); !math.IsInf(got, 1) {
		t.Errorf("without hits %v", got)
	}
	if got := HeapRate(3, 40, results.Estimate{Point: -5, Interval: [2]float64{-9, -1}}); !math.IsInf(got, 1) {
		t.Errorf("without cost %v", got)
	}
	noise := results.Estimate{Point: 2e5, Interval: [2]float64{-1e6, 5e6}} // of a stop in 1,000 requests
	if got := HeapRate(3, 0.001, noise); got < 100_000 {
		t.Errorf("%v requests/s of a server that hardly allocates", got)
	}
	h := &results.Heap{Requests: 1000, DurationNs: 2e9}
	if c := HeapCost(h, 40_000, ns, 3); c.HitsPerRequest != 40 || math.Abs(c.CorePct-2) > 1e-9 || math.Abs(c.Interval[1]-2.5) > 1e-9 {
		t.Errorf("%+v", c)
	}
	if HeapCost(&results.Heap{}, 1, ns, 3) != nil {
		t.Error("a cost without requests")
	}
}

func TestSitesOfOneNameAreOne(t *testing.T) {
	all := []results.HeapSite{
		{Call: "malloc", Function: "f", Object: "a", Allocs: 3, Frees: 1, AllocBytes: 30, LiveBytes: 20, LiveObjects: 2, Complete: true},
		{Call: "malloc", Function: "g", Object: "a", Allocs: 100, AllocBytes: 9000},
		{Call: "malloc", Function: "f", Object: "a", Allocs: 1, AllocBytes: 10, LiveBytes: 10, LiveObjects: 1, Complete: true},
		{Call: "strdup", Function: "f", Object: "a", Allocs: 1, AllocBytes: 25, LiveBytes: 25, LiveObjects: 1},
	}
	top := HeapSites(all, 2)
	if len(top) != 2 || top[0].Call != "malloc" || top[0].LiveBytes != 30 || top[0].Allocs != 4 || top[0].Frees != 1 || top[1].Call != "strdup" {
		t.Errorf("%+v", top)
	}
	if got := HeapSites(all, 10); len(got) != 3 || got[2].Function != "g" {
		t.Errorf("%+v", got)
	}
	if got := CutPct(all); math.Abs(got-100*101.0/105) > 1e-9 {
		t.Errorf("%v %% cut", got)
	}
	if CutPct(nil) != 0 {
		t.Error("of nothing, some is cut")
	}
}

func TestTheLastMomentHasAllRequests(t *testing.T) {
	h := &results.Heap{Requests: 1000, Moments: []results.HeapMoment{{Requests: 0}, {Requests: 520}, {Requests: 1040}}}
	ScaleMoments(h)
	if h.Moments[0].Requests != 0 || h.Moments[1].Requests != 500 || h.Moments[2].Requests != 1000 {
		t.Errorf("%+v", h.Moments)
	}
	ScaleMoments(&results.Heap{Requests: 5, Moments: []results.HeapMoment{{}}}) // without a clock
}
