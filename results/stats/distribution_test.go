// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestPercentilesNeedTwentySamplesBeyond(t *testing.T) {
	tests := []struct {
		n                             int64
		p50, p90, p95, p99, p999, p4n bool
	}{
		{1, false, false, false, false, false, false},
		{39, false, false, false, false, false, false},
		{40, true, false, false, false, false, false},
		{199, true, false, false, false, false, false},
		{200, true, true, false, false, false, false},
		{400, true, true, true, false, false, false},
		{1_999, true, true, true, false, false, false},
		{2_000, true, true, true, true, false, false},
		{20_000, true, true, true, true, true, false},
		{199_999, true, true, true, true, true, false},
		{200_000, true, true, true, true, true, true},
	}
	for _, tt := range tests {
		h := results.NewHistogram()
		record(h, 1_000, tt.n)
		d := Distribution(h)
		got := [...]bool{d.P50 != nil, d.P90 != nil, d.P95 != nil, d.P99 != nil, d.P999 != nil, d.P9999 != nil}
		want := [...]bool{tt.p50, tt.p90, tt.p95, tt.p99, tt.p999, tt.p4n}
		if got != want {
			t.Errorf("%d samples: percentiles %v, want %v", tt.n, got, want)
		}
		if d.Count != tt.n {
			t.Errorf("count %d, want %d", d.Count, tt.n)
		}
	}
}

func TestDistributionOfKnownValues(t *testing.T) {
	h := results.NewHistogram()
	for v := int64(1); v <= 100_000; v++ {
		record(h, v, 1)
	}
	d := Distribution(h)
	for name, c := range map[string]struct{ got, want float64 }{
		"min": {float64(d.Min), 1}, "max": {float64(d.Max), 100_000}, "mean": {d.Mean, 50_000.5},
		"p50": {float64(*d.P50), 50_000}, "p90": {float64(*d.P90), 90_000}, "p95": {float64(*d.P95), 95_000},
		"p99": {float64(*d.P99), 99_000}, "p99.9": {float64(*d.P999), 99_900},
	} {
		if math.Abs(c.got-c.want) > 0.001*c.want {
			t.Errorf("%s = %v, want %v within 0.1 %%", name, c.got, c.want)
		}
	}
	if d.P9999 != nil {
		t.Error("p99.99 of 100,000 samples: want none")
	}
}

func TestDistributionOfLittle(t *testing.T) {
	if Distribution(nil) != nil || Distribution(results.NewHistogram()) != nil {
		t.Error("an empty histogram has no distribution")
	}
	if d := Distribution(histogram(0, 7)); d.Min != 0 || d.Max != 7 {
		t.Errorf("min %d max %d, want 0 and 7", d.Min, d.Max)
	}
	if d := Distribution(histogram(-5, 1<<60)); d.Min != 0 || d.Max < results.HistogramMax || d.Count != 2 {
		t.Errorf("%+v: want both counted at the ends of the range", d)
	}
}

func TestBars(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draws := map[string]func() int64{
		"narrow":       func() int64 { return 100_000 + rng.Int64N(3_000) },
		"lognormal":    lognormal(rng, 80_000, 0.5),
		"wide":         lognormal(rng, 80_000, 3),
		"two humps":    func() int64 { return []int64{30_000, 2_000_000}[rng.IntN(2)] + rng.Int64N(5_000) },
		"rare outlier": func() int64 { return 50_000 + 900_000_000*(rng.Int64N(5_000)/4_999) },
		"one value":    func() int64 { return 12_345 },
		"zeros":        func() int64 { return 0 },
		"tiny":         func() int64 { return rng.Int64N(5) },
		"everything":   func() int64 { return int64(math.Exp(rng.Float64() * math.Log(results.HistogramMax))) },
	}
	for name, draw := range draws {
		t.Run(name, func(t *testing.T) {
			h := results.NewHistogram()
			for range 10_000 {
				record(h, draw(), 1)
			}
			bars := Bars(h)
			checkBars(t, h, bars)
		})
	}
	if Bars(nil) != nil || Bars(results.NewHistogram()) != nil {
		t.Error("no samples, no bars")
	}
}

func checkBars(t *testing.T, h *hdrhistogram.Histogram, bars []results.HistogramBar) {
	t.Helper()
	if len(bars) == 0 || len(bars) > maxBars {
		t.Fatalf("%d bars", len(bars))
	}
	var sum int64
	for i, b := range bars {
		sum += b.Count
		if b.To <= b.From {
			t.Errorf("bar %d from %d to %d", i, b.From, b.To)
		}
		if i > 0 && b.From != bars[i-1].To {
			t.Errorf("bar %d begins at %d, the one before ends at %d", i, b.From, bars[i-1].To)
		}
	}
	if sum != h.TotalCount() {
		t.Errorf("bars hold %d of %d samples", sum, h.TotalCount())
	}
	if bars[0].Count == 0 || bars[len(bars)-1].Count == 0 {
		t.Error("an empty bar at an end")
	}
	if first := h.ValueAtPercentile(0); first < bars[0].From {
		t.Errorf("first sample %d lies before the first bar %d", first, bars[0].From)
	}
}

func TestBarsOfALognormalAreRoundAndFine(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	h := results.NewHistogram()
	draw := lognormal(rng, 80_000, 0.3)
	for range 50_000 {
		record(h, draw(), 1)
	}
	bars := Bars(h)
	if len(bars) < 10 {
		t.Errorf("only %d bars for a spread of a decade", len(bars))
	}
	for _, b := range bars[1 : len(bars)-1] {
		if b.From%1_000 != 0 || b.To%1_000 != 0 {
			t.Errorf("bar [%d, %d): want round numbers", b.From, b.To)
		}
	}
}
