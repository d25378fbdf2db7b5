// SPDX-License-Identifier: Apache-2.0

package results

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// counted is what a Durations holds, as a plain map.
func counted(d Durations) map[int64]int64 {
	m := map[int64]int64{}
	for r := d.read(); r.count > 0; r.next() {
		m[r.value] += r.count
	}
	return m
}

func durationsOf(m map[int64]int64) (d Durations) {
	for _, value := range slices.Sorted(maps.Keys(m)) {
		d.Append(value, m[value])
	}
	return d
}

func TestMergedDurationsAreThoseOfBoth(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		a, b, both := map[int64]int64{}, map[int64]int64{}, map[int64]int64{}
		for _, m := range []map[int64]int64{a, b} {
			for range random.IntN(20) {
				value := []int64{0, 1, random.Int64N(50), random.Int64N(HistogramMax), HistogramMax}[random.IntN(5)]
				count := 1 + random.Int64N(1<<random.IntN(40))
				m[value] += count
				both[value] += count
			}
		}
		d := durationsOf(a)
		d.Merge(durationsOf(b))
		if got := counted(d); !maps.Equal(got, both) {
			t.Fatalf("%v and %v became %v", a, b, got)
		}
		var total, above int64
		limit := random.Int64N(100)
		for value, count := range both {
			total += count
			if value > limit {
				above += count
			}
		}
		if d.Total() != total || d.Above(limit) != above {
			t.Fatalf("%v: total %d, %d above %d", both, d.Total(), d.Above(limit), limit)
		}
	}
}

func TestDurationsTakeAFewBytesABucket(t *testing.T) {
	h := NewHistogram()
	for value := int64(20_000); value < 20_000_000; value += value / 500 {
		_ = h.RecordValues(value, 4)
	}
	d := DurationsOf(h)
	if buckets := len(counted(d)); len(d.coded) > 5*buckets {
		t.Errorf("%d bytes for %d buckets", len(d.coded), buckets)
	}
}

func TestNoDurationsAreNone(t *testing.T) {
	var d Durations
	d.Merge(Durations{})
	d.Append(5, 0)
	if d.Total() != 0 || len(counted(d)) != 0 {
		t.Errorf("holds %v", counted(d))
	}
}
