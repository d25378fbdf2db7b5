// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

// maxBars is the most bars that Bars returns, the two for the tails included.
const maxBars = 20

// Bars cuts a histogram into at most 20 bars for drawing. Their bounds are
// round numbers, evenly spaced on a log scale as far as round numbers are, over
// the region from p0.1 to p99.9; one more bar on either side holds what lies
// beyond. The first and the last bar are not empty, the counts add up to the
// histogram's. A sample counts by the lower edge of its histogram bucket.
func Bars(h *hdrhistogram.Histogram) []results.HistogramBar {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	low, high := h.ValueAtPercentile(0), h.ValueAtPercentile(100)
	bounds := bounds(max(1, h.ValueAtPercentile(0.1)), h.ValueAtPercentile(99.9))
	if bounds[0] > low {
		bounds = slices.Insert(bounds, 0, low)
	}
	if last := bounds[len(bounds)-1]; last <= high {
		bounds = append(bounds, high+1)
	}
	bars := make([]results.HistogramBar, len(bounds)-1)
	for i := range bars {
		bars[i].From, bars[i].To = bounds[i], bounds[i+1]
	}
	at := 0
	for _, b := range h.Distribution() {
		if b.Count == 0 {
			continue
		}
		for b.From >= bars[at].To {
			at++
		}
		bars[at].Count += b.Count
	}
	return trim(bars)
}

// trim cuts empty bars off both ends.
func trim(bars []results.HistogramBar) []results.HistogramBar {
	for len(bars) > 0 && bars[0].Count == 0 {
		bars = bars[1:]
	}
	for len(bars) > 0 && bars[len(bars)-1].Count == 0 {
		bars = bars[:len(bars)-1]
	}
	return bars
}

// bounds returns round numbers from at or below low to above high, as finely
// spaced as leaves room for the tails' bars: 20, 10, 6, 3 or 1 to the decade.
func bounds(low, high int64) []int64 {
	series := [][]float64{
		{1, 1.1, 1.25, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 5.6, 6.3, 7, 8, 9},
		{1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8},
		{1, 1.5, 2, 3, 5, 7},
		{1, 2, 5},
		{1},
	}
	for _, mantissas := range series {
		if b := spread(mantissas, low, high); len(b) <= maxBars-1 {
			return b
		}
	}
	// Unreachable inside the histogram's range of 12 decades.
	return []int64{low, high + 1}
}

// spread lists mantissa × power of ten from the last at or below low to the
// first above high, each number once.
func spread(mantissas []float64, low, high int64) []int64 {
	var out []int64
	for decade := math.Pow10(int(math.Floor(math.Log10(float64(low))))); ; decade *= 10 {
		for _, m := range mantissas {
			b := int64(math.Round(m * decade))
			switch {
			case len(out) == 0 || b <= low:
				out = append(out[:0], b)
			case b > out[len(out)-1]:
				out = append(out, b)
			}
			if b > high {
				return out
			}
		}
	}
}
