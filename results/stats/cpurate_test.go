// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// steady is a slice of one second with some requests, each of which takes ns.
func steady(mode results.Mode, at, requests, ns int64) results.Slice {
	const second = 1_000_000_000
	return results.Slice{
		Mode: mode, Start: at * second, End: (at + 1) * second,
		Intervals: []results.Interval{{Counts: results.Counts{OK: requests}}},
		TargetCPU: [2]results.CPUTime{{At: at*second + 1, Total: 5}, {At: (at+1)*second + 1, Total: 5 + requests*ns}},
	}
}

func TestCPUAgainstTheRate(t *testing.T) {
	var ramp []results.Slice
	for i := range int64(20) {
		ramp = append(ramp, steady(results.Bare, 1+2*i, 1000*(i+1), 10_000+100*i), steady(results.Probed, 2+2*i, 1000*(i+1), 99_999))
	}
	points := CPUByRate(ramp, results.Bare)
	if len(points) != ratePoints {
		t.Fatalf("%d points, want %d", len(points), ratePoints)
	}
	n := 0
	for i, p := range points {
		n += p.Slices
		if i > 0 && (p.RPS <= points[i-1].RPS || *p.NsPerRequest <= *points[i-1].NsPerRequest) {
			t.Errorf("point %d does not rise: %+v", i, points)
		}
		if want := p.RPS * *p.NsPerRequest / 1e7; math.Abs(p.UtilisationPct-want) > 1e-6 {
			t.Errorf("point %d: %+v, want %.1f %% used", i, p, want)
		}
	}
	if n != 20 {
		t.Errorf("%d slices in all, want 20", n)
	}
	for name, s := range map[string][]results.Slice{
		"none": nil, "one": ramp[:1], "one rate": {steady(results.Bare, 1, 10, 5), steady(results.Bare, 2, 10, 5)},
	} {
		if got := CPUByRate(s, results.Bare); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	idle := CPUByRate([]results.Slice{steady(results.Bare, 1, 0, 0), steady(results.Bare, 2, 50, 7)}, results.Bare)
	if len(idle) != 2 || idle[0].NsPerRequest != nil {
		t.Errorf("from nothing: %+v", idle)
	}
}
