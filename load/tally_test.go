// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func sortedCopy(v []float64) []float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s
}

// TestTallyEqualsHistogram holds that each duration has the same place in both.
func TestTallyEqualsHistogram(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := []int64{0, 1, 2, 1023, 1024, 2047, 2048, 2049, 4095, 4096, 1 << 20, results.HistogramMax - 1, results.HistogramMax}
	for range 100_000 {
		values = append(values, int64(math.Exp(r.Float64()*math.Log(results.HistogramMax))))
	}
	counted, want := new(tally), results.NewHistogram()
	for _, v := range values {
		counted.add(v)
		if err := want.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	counts := want.Export().Counts
	if len(counts) != tallyLen {
		t.Fatalf("a histogram has %d counts, a tally %d", len(counts), tallyLen)
	}
	for i, n := range counts {
		if int64(counted.counts[i]) != n {
			t.Fatalf("index %d counts %d, want %d", i, counted.counts[i], n)
		}
	}
	got, rest, err := readDurations(appendTally(nil, counted))
	if err != nil || len(rest) != 0 {
		t.Fatalf("readDurations: %v, %d bytes left", err, len(rest))
	}
	if !got.Histogram().Equals(want) {
		t.Error("the histogram differs after its way over the wire")
	}
	for _, q := range []float64{50, 99, 99.9} {
		a, b := float64(counted.quantile(q/100)), float64(want.ValueAtQuantile(q))
		if math.Abs(a-b) > 0.002*b {
			t.Errorf("quantile %v is %.0f, want %.0f", q, a, b)
		}
	}
}

func TestDurationsOutOfRangeAreKept(t *testing.T) {
	for _, tt := range []struct{ v, as int64 }{
		{-1, 0}, {math.MinInt64, 0},
		{results.HistogramMax + 1, results.HistogramMax}, {math.MaxInt64, results.HistogramMax},
	} {
		if got, want := tallyIndex(tt.v), tallyIndex(tt.as); got != want {
			t.Errorf("%d counts at %d, want %d", tt.v, got, want)
		}
	}
}

func TestIntervalsSurviveTheWay(t *testing.T) {
	v := &interval{slice: 3, number: 7, start: 100, end: 200, bytesOut: 5, bytesIn: 6,
		counts: results.Counts{Sent: 1, OK: 2, Error: 3, Timeout: 4, Broken: 5, Censored: 6}}
	v.response.add(1000)
	v.response.add(2_000_000)
	v.trip.add(900)
	v.lag.add(0)
	b := appendInterval(nil, v)
	got, number, err := readInterval(b)
	if err != nil {
		t.Fatal(err)
	}
	if number != 7 || got.Slice != 3 || got.Start != 100 || got.End != 200 ||
		got.Counts != v.counts || got.BytesOut != 5 || got.BytesIn != 6 {
		t.Errorf("got %+v number %d", got, number)
	}
	if got.ResponseTime.Total() != 2 || got.RoundTrip.Total() != 1 || got.SendLag.Total() != 1 {
		t.Error("the histograms' counts differ")
	}
	for n := range b {
		if _, _, err := readInterval(b[:n]); err == nil {
			t.Fatalf("an interval cut at byte %d is read without an error", n)
		}
	}
	if _, _, err := readInterval(append(b, 0)); err == nil {
		t.Error("an interval with a byte too many is read without an error")
	}
}

func FuzzReadInterval(f *testing.F) {
	v := &interval{}
	v.response.add(12345)
	f.Add(appendInterval(nil, v))
	f.Add(make([]byte, intervalHead+12))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, err := readInterval(b)
		if err == nil && got.ResponseTime.Total() < 0 {
			t.Fatal("an interval of less than no answers")
		}
	})
}

func TestClockIsTheKernels(t *testing.T) {
	c := newClock()
	before := processMonotonic(t)
	now := c.now()
	after := processMonotonic(t)
	if now < before || now > after {
		t.Errorf("the clock says %d between %d and %d", now, before, after)
	}
}
