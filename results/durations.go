// SPDX-License-Identifier: Apache-2.0

package results

import (
	"encoding/binary"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Durations counts durations (ns) with the resolution of NewHistogram, in the
// room of the buckets that hold any: some KiB where the histogram takes 230. A
// run keeps one for each interval, so each bucket is two variable-length numbers:
// its distance from the one before, and its count. The zero value is empty.
type Durations struct {
	coded []byte
	last  int64 // value of the last bucket
}

// Append adds count durations of a value above all that were added before; the
// values of a histogram's buckets come in this order.
func (d *Durations) Append(value, count int64) {
	if count > 0 {
		d.coded = binary.AppendUvarint(d.coded, uint64(value-d.last))
		d.coded = binary.AppendUvarint(d.coded, uint64(count))
		d.last = value
	}
}

// durationReader goes through buckets by rising value.
type durationReader struct {
	rest  []byte
	value int64 // any duration in the bucket
	count int64 // 0: behind the last
}

func (d Durations) read() durationReader {
	r := durationReader{rest: d.coded}
	r.next()
	return r
}

func (r *durationReader) next() {
	distance, n := binary.Uvarint(r.rest)
	count, m := binary.Uvarint(r.rest[n:])
	r.rest = r.rest[n+m:]
	r.value, r.count = r.value+int64(distance), int64(count)
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
	merged := Durations{coded: make([]byte, 0, max(len(d.coded), len(other.coded)))}
	a, b := d.read(), other.read()
	for a.count > 0 || b.count > 0 {
		switch {
		case b.count == 0 || a.count > 0 && a.value < b.value:
			merged.Append(a.value, a.count)
			a.next()
		case a.count == 0 || b.value < a.value:
			merged.Append(b.value, b.count)
			b.next()
		default:
			merged.Append(a.value, a.count+b.count)
			a.next()
			b.next()
		}
	}
	merged.coded = slices.Clip(merged.coded)
	*d = merged
}

// AddTo counts all durations in a histogram of NewHistogram's bounds.
func (d Durations) AddTo(h *hdrhistogram.Histogram) {
	for r := d.read(); r.count > 0; r.next() {
		// Within the bounds nothing but a count that overflows can fail.
		_ = h.RecordValues(min(r.value, HistogramMax), r.count)
	}
}

// Histogram is the same as a histogram of its own.
func (d Durations) Histogram() *hdrhistogram.Histogram {
	h := NewHistogram()
	d.AddTo(h)
	return h
}

// Total is the number of durations.
func (d Durations) Total() int64 { return d.Above(-1) }

// Above is the number of durations in buckets above v.
func (d Durations) Above(v int64) int64 {
	var n int64
	for r := d.read(); r.count > 0; r.next() {
		if r.value > v {
			n += r.count
		}
	}
	return n
}
