// SPDX-License-Identifier: Apache-2.0

package results

import (
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Durations counts durations (ns) with the resolution of NewHistogram, in the
// room of the buckets that hold any: some KiB where the histogram takes 230. A
// run keeps one for each interval. The zero value is empty.
type Durations struct {
	buckets []durationBucket // by rising value, one each
}

type durationBucket struct {
	value int64 // any duration in the bucket
	count int64
}

// Append adds count durations of a value above all that were added before; the
// values of a histogram's buckets come in this order.
func (d *Durations) Append(value, count int64) {
	if count > 0 {
		d.buckets = append(d.buckets, durationBucket{value, count})
	}
}

// DurationsOf are the counts of a histogram of NewHistogram's bounds.
func DurationsOf(h *hdrhistogram.Histogram) Durations {
	var d Durations
	for _, bar := range h.Distribution() {
		d.Append(bar.To, bar.Count)
	}
	return d
}

// Merge adds other to d. Both must have named each bucket by the same value, as
// those of one source do.
func (d *Durations) Merge(other Durations) {
	merged := make([]durationBucket, 0, max(len(d.buckets), len(other.buckets)))
	a, b := d.buckets, other.buckets
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].value < b[0].value:
			merged, a = append(merged, a[0]), a[1:]
		case a[0].value > b[0].value:
			merged, b = append(merged, b[0]), b[1:]
		default:
			merged = append(merged, durationBucket{a[0].value, a[0].count + b[0].count})
			a, b = a[1:], b[1:]
		}
	}
	d.buckets = slices.Clip(append(append(merged, a...), b...))
}

// AddTo counts all durations in a histogram of NewHistogram's bounds.
func (d Durations) AddTo(h *hdrhistogram.Histogram) {
	for _, b := range d.buckets {
		// Within the bounds nothing but a count that overflows can fail.
		_ = h.RecordValues(min(b.value, HistogramMax), b.count)
	}
}

// Histogram is the same as a histogram of its own.
func (d Durations) Histogram() *hdrhistogram.Histogram {
	h := NewHistogram()
	d.AddTo(h)
	return h
}

// Total is the number of durations.
func (d Durations) Total() int64 {
	var n int64
	for _, b := range d.buckets {
		n += b.count
	}
	return n
}

// Above is the number of durations in buckets above v.
func (d Durations) Above(v int64) int64 {
	var n int64
	for i := len(d.buckets) - 1; i >= 0 && d.buckets[i].value > v; i-- {
		n += d.buckets[i].count
	}
	return n
}
