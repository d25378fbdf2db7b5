// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestBlocks(t *testing.T) {
	s := second
	tests := []struct {
		name    string
		lengths []int64 // of bare slices
		blocks  int
		length  time.Duration
		warn    bool
	}{
		{"nothing", nil, 0, 100 * time.Millisecond, true},
		{"400 ms", []int64{s * 2 / 5}, 4, 100 * time.Millisecond, true},
		{"one second", []int64{s}, 5, 200 * time.Millisecond, true},
		{"three seconds in slices of one", []int64{s, s, s}, 6, 500 * time.Millisecond, true},
		{"five seconds in slices of one", []int64{s, s, s, s, s}, 5, time.Second, false},
		{"five seconds in one slice", []int64{5 * s}, 5, time.Second, false},
		{"a short rest joins the last block", []int64{5*s + s*2/5}, 5, time.Second, false},
		{"a long rest is a block", []int64{5*s + s*7/10}, 6, time.Second, false},
		{"slices of half a second", []int64{s / 2, s / 2, s / 2, s / 2, s / 2, s / 2}, 6, time.Second, false},
		{"long runs get longer blocks", []int64{500 * s}, 167, 3 * time.Second, false},
		{"so do those of many slices", slices.Repeat([]int64{s}, 500), 167, 3 * time.Second, false},
		{"as many as there may be", slices.Repeat([]int64{s}, 240), 240, time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var all []results.Slice
			var at int64
			var want float64
			for _, length := range tt.lengths {
				all = append(all, slice(results.Bare, at, length, 10, 1, nil), slice(results.Probed, at+length, s, 10, 1, nil))
				at += length + s
				want += float64(length) / 1e9
			}
			blocks, length := cut(all, results.Bare)
			if len(blocks) != tt.blocks || length != tt.length {
				t.Errorf("%d blocks of %v, want %d of %v", len(blocks), length, tt.blocks, tt.length)
			}
			var got float64
			for _, b := range blocks {
				for _, v := range b {
					got += float64(v.End-v.Start) / 1e9
				}
			}
			if math.Abs(got-want) > 1e-6 {
				t.Errorf("blocks hold %v s of %v", got, want)
			}
			if u := Bootstrap(all, results.Bare, 1); (len(u.Warnings) > 0) != tt.warn {
				t.Errorf("warnings %q", u.Warnings)
			}
		})
	}
}

func TestIntervalsNeedSupport(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	draw := lognormal(rng, 50_000, 0.3)
	tests := []struct {
		n             int
		rps, p50, p99 bool
	}{{0, true, false, false}, {30, true, false, false}, {60, true, true, false}, {5_000, true, true, true}}
	for _, tt := range tests {
		all := []results.Slice{slice(results.Bare, 0, 6*second, tt.n, 1, draw)}
		u := Bootstrap(all, results.Bare, 1)
		if (u.RPS != nil) != tt.rps || (u.P50 != nil) != tt.p50 || (u.P99 != nil) != tt.p99 {
			t.Errorf("%d answers: intervals %v %v %v", tt.n, u.RPS, u.P50, u.P99)
		}
	}
	short := []results.Slice{slice(results.Bare, 0, 3*second/10, 5_000, 1, draw)}
	if u := Bootstrap(short, results.Bare, 1); u.RPS != nil || u.P50 != nil || u.P99 != nil {
		t.Errorf("three intervals of 100 ms: want no interval, got %+v", u)
	}
}

func TestTheSameSeedGivesTheSameIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	all := []results.Slice{slice(results.Bare, 0, 8*second, 20_000, 1, lognormal(rng, 50_000, 0.3))}
	a, b, c := Bootstrap(all, results.Bare, 7), Bootstrap(all, results.Bare, 7), Bootstrap(all, results.Bare, 8)
	if *a.P99 != *b.P99 || *a.RPS != *b.RPS || *a.P50 != *b.P50 {
		t.Error("same seed, other intervals")
	}
	if *a.P99 == *c.P99 && *a.P50 == *c.P50 {
		t.Error("another seed gave exactly the same resamples")
	}
}

// A run whose speed wanders from second to second: the intervals must cover the
// long-run figures about as often as they say.
func TestBootstrapCoversTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	for _, seconds := range []int{5, 12} {
		const runs = 50
		hits := [2]int{}
		for run := range runs {
			var all []results.Slice
			for i := range seconds {
				slow := math.Exp(0.1 * rng.NormFloat64()) // of this second
				n := int64(500 * slow)
				draw := lognormal(rng, 50_000/slow, 0.3)
				h := results.NewHistogram()
				for range n {
					record(h, draw(), 1)
				}
				at := int64(2*i) * second
				all = append(all, results.Slice{Mode: results.Bare, Start: at, End: at + second,
					Intervals: []results.Interval{{Start: at, End: at + second, Counts: results.Counts{OK: n}, ResponseTime: results.DurationsOf(h)}}})
			}
			u := Bootstrap(all, results.Bare, uint64(run))
			// The mean and the median of a lognormal of spread 0.1.
			if rps := 500 * math.Exp(0.005); u.RPS[0] <= rps && rps <= u.RPS[1] {
				hits[0]++
			}
			if u.P50[0] <= 50_000 && 50_000 <= u.P50[1] {
				hits[1]++
			}
		}
		for i, name := range []string{"throughput", "p50"} {
			if share := float64(hits[i]) / runs; share < 0.85 {
				t.Errorf("%d s: %s covered in %.0f %% of runs, want about 95", seconds, name, 100*share)
			}
		}
	}
}

func TestBootstrapEnclosesThePoint(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	all := alternating(21, 4_000, 3_000)
	for i := range all {
		if all[i].Mode == results.Bare {
			all[i] = slice(results.Bare, all[i].Start, second, 4_000+rng.IntN(200), 1, lognormal(rng, 50_000, 0.3))
		}
	}
	c := Merge(all, results.Bare)
	d := Distribution(c.ResponseTime)
	u := Bootstrap(all, results.Bare, 1)
	for name, v := range map[string]struct {
		point    float64
		interval *[2]float64
	}{"rps": {c.RPS(), u.RPS}, "p50": {float64(*d.P50), u.P50}, "p99": {float64(*d.P99), u.P99}} {
		if v.interval[0] > v.point || v.interval[1] < v.point || v.interval[1] > 1.2*v.interval[0] {
			t.Errorf("%s %v outside of or lost in %v", name, v.point, *v.interval)
		}
	}
}
