// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestOverheadOfAKnownCost(t *testing.T) {
	// Probed slices answer 5 % less and spend 8 % more, exactly.
	var all []results.Slice
	for i := range 13 {
		mode, n, cpu := results.Bare, 10_000, 10_000.0
		if i%2 == 1 {
			mode, n, cpu = results.Probed, 9_500, 10_800
		}
		all = append(all, slice(mode, int64(i)*second, second, n, cpu, nil))
	}
	o := Overhead(all, true)
	if o.Pairs != 6 || o.Quoted != "throughput" || math.Abs(*o.ThroughputPct-5) > 1e-6 || math.Abs(*o.CPUPct-8) > 1e-6 {
		t.Errorf("%+v: throughput %v, cpu %v", o, *o.ThroughputPct, *o.CPUPct)
	}
	if o.Interval == nil || math.Abs(o.Interval[0]-5) > 1e-6 || math.Abs(o.Interval[1]-5) > 1e-6 {
		t.Errorf("interval %v", o.Interval)
	}
	if math.Abs(o.ProbedSharePct-100*6.0/13) > 1e-9 {
		t.Errorf("share %v", o.ProbedSharePct)
	}
	if o = Overhead(all, false); o.ThroughputPct != nil || o.Quoted != "cpu" || math.Abs(o.Interval[0]-8) > 1e-6 {
		t.Errorf("open loop: %+v", o)
	}
}

func TestOverheadOfFamiliesThatTakeTurns(t *testing.T) {
	// One family costs 20 % and has three pairs, the other 10 % and has two; each varies
	// by half a percent.
	var all []results.Slice
	for i, n := range []int{10_000, 8_000, 10_000, 9_000, 10_000, 8_040, 10_000, 9_045, 10_000, 7_960, 10_000} {
		s := slice(results.Bare, int64(i)*second, second, n, 10_000, nil)
		if i%2 == 1 {
			s.Mode, s.Carried = results.Probed, results.CarriedCalls
			if i%4 == 3 {
				s.Carried = results.CarriedClock
			}
		}
		all = append(all, s)
	}
	o := Overhead(all, true)
	if o.Pairs != 5 || math.Abs(*o.ThroughputPct-15) > 0.5 {
		t.Errorf("%d pairs, %v %%, want 5 and the mean of 20 and 10", o.Pairs, *o.ThroughputPct)
	}
	if o.Interval == nil || o.Interval[0] < 13.5 || o.Interval[1] > 16.5 {
		t.Errorf("interval %v holds the difference of the families", o.Interval)
	}
}

func TestOverheadWithFewPairs(t *testing.T) {
	tests := []struct {
		name      string
		modes     string // b bare, p probed, g gap, w warm-up
		pairs     int
		points    bool
		intervals bool
		none      bool
	}{
		{"no slices", "", 0, false, false, true},
		{"nothing probed", "wbbb", 0, false, false, true},
		{"nothing bare", "ppp", 0, false, false, false},
		{"warm-up is no neighbour", "wp", 0, false, false, false},
		{"one pair", "bp", 1, true, false, false},
		{"two pairs", "bpbpb", 2, true, false, false},
		{"three pairs", "bpbpbp", 3, true, true, false},
		{"gaps between", "bgpgbgpgbgpgb", 3, true, true, false},
		{"all of one neighbour", "pbp", 2, true, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			var all []results.Slice
			for i, c := range tt.modes {
				mode := map[rune]results.Mode{'b': results.Bare, 'p': results.Probed, 'g': results.Gap, 'w': results.Warmup}[c]
				all = append(all, slice(mode, int64(i+1)*second, second, 1_000+rng.IntN(50), 10_000, nil))
			}
			o := Overhead(all, true)
			if (o == nil) != tt.none {
				t.Fatalf("%+v", o)
			}
			if o == nil {
				return
			}
			if o.Pairs != tt.pairs || (o.ThroughputPct != nil) != tt.points || (o.CPUPct != nil) != tt.points ||
				(o.Interval != nil) != tt.intervals || (o.CPUInterval != nil) != tt.intervals {
				t.Errorf("%+v", o)
			}
		})
	}
}

func TestOverheadIgnoresASteadyDrift(t *testing.T) {
	var all []results.Slice
	for i := range 15 {
		n := 20_000 * math.Exp(-0.03*float64(i)) // the server slows by 3 % a second
		mode := results.Bare
		if i%2 == 1 {
			mode, n = results.Probed, n*0.98
		}
		all = append(all, slice(mode, int64(i)*second, second, int(n), 10_000, nil))
	}
	if o := Overhead(all, true); math.Abs(*o.ThroughputPct-2) > 0.05 {
		t.Errorf("throughput fell by %v %%, want 2", *o.ThroughputPct)
	}
}

func TestOverheadIntervalCoversTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, slices := range []int{7, 13, 31} {
		const runs = 1_000
		hit := 0
		for range runs {
			all := make([]results.Slice, slices)
			for i := range all {
				n := 100_000 * math.Exp(0.03*rng.NormFloat64())
				mode := results.Bare
				if i%2 == 1 {
					mode, n = results.Probed, n*0.96
				}
				all[i] = results.Slice{Mode: mode, Start: int64(i) * second, End: int64(i+1) * second,
					Intervals: []results.Interval{{Counts: results.Counts{OK: int64(n)}}}}
			}
			if o := Overhead(all, true); o.Interval[0] <= 4 && 4 <= o.Interval[1] {
				hit++
			}
		}
		if share := float64(hit) / runs; share < 0.93 || share > 0.995 {
			t.Errorf("%d slices: covered in %.1f %% of runs, want about 95", slices, 100*share)
		}
	}
}

func TestSharedNeighboursWidenTheInterval(t *testing.T) {
	chain := make([]pair, 1_000)
	apart := make([]pair, 10)
	for i := range chain {
		chain[i].neighbours = []int{i, i + 1}
	}
	for i := range apart {
		apart[i].neighbours = []int{2 * i, 2*i + 1}
	}
	if got := sharing(chain); math.Abs(got-math.Sqrt(4.0/3)) > 0.002 {
		t.Errorf("alternating slices: factor %v, want √(4/3)", got)
	}
	if got := sharing(apart); math.Abs(got-1) > 1e-9 {
		t.Errorf("pairs apart: factor %v, want 1", got)
	}
}
