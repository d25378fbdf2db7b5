// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

// support is how many samples must lie beyond a percentile for it to be quoted.
const support = 20

// Distribution describes a histogram of durations, or is nil when that is nil
// or empty. A percentile is nil when fewer than 20 samples lie beyond it: p50
// needs 40 samples, p99 2,000, p99.99 200,000. Values are as exact as the
// histogram: within 0.1 % for the three digits of results.NewHistogram. Min is
// the lower edge of its bucket, Max and percentiles are the upper edge.
func Distribution(h *hdrhistogram.Histogram) *results.Distribution {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	n := h.TotalCount()
	d := &results.Distribution{
		Count: n,
		// Histogram.Min passes over a recorded 0.
		Min:  h.ValueAtPercentile(0),
		Mean: h.Mean(),
		Max:  h.ValueAtPercentile(100),
	}
	for _, q := range []struct {
		to         **int64
		percentile float64
		oneIn      int64 // one sample in so many lies beyond it
	}{
		{&d.P50, 50, 2},
		{&d.P90, 90, 10},
		{&d.P95, 95, 20},
		{&d.P99, 99, 100},
		{&d.P999, 99.9, 1_000},
		{&d.P9999, 99.99, 10_000},
	} {
		if n >= support*q.oneIn {
			v := h.ValueAtPercentile(q.percentile)
			*q.to = &v
		}
	}
	return d
}

// record counts n durations of v ns, those outside the histogram's range at its
// ends.
func record(h *hdrhistogram.Histogram, v, n int64) {
	// Inside the range only a count that overflows can fail.
	_ = h.RecordValues(max(0, min(v, results.HistogramMax)), n)
}
