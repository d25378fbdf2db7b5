// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math/rand/v2"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// TestALongSliceTakesNoMoreRoomThanAShortOne: of an hour's intervals fewer and longer
// ones are kept, without a hole between them, and nothing of what they count is lost.
func TestALongSliceTakesNoMoreRoomThanAShortOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, row := range map[string]struct{ intervals, threads, answers int }{
		"a minute of little": {600, 1, 20},
		"ten minutes":        {3000, 1, 500},
		"two threads":        {700, 2, 800},
	} {
		var s sliceStore
		want := interval{end: int64(row.intervals) * intervalNs}
		top := 0
		var v interval
		for i := range row.intervals {
			for thread := range row.threads {
				v.number, v.start, v.end = i, int64(i)*intervalNs, int64(i+1)*intervalNs
				for range row.answers {
					d := int64(random.ExpFloat64() * 1e6)
					for _, one := range []*interval{&v, &want} {
						one.counts.Sent++
						one.counts.OK++
						one.bytesIn += 17
						one.response.add(d)
						one.trip.add(d / 2)
						one.lag.add(d / 8)
						one.alone.add(int64(thread))
					}
				}
				if err := s.add(appendInterval(nil, &v)); err != nil {
					t.Fatal(err)
				}
				top = max(top, s.size)
				v.reset()
			}
		}
		if top > storeMost*5/4 {
			t.Errorf("%s: %d bytes were kept, want %d", name, top, storeMost)
		}
		slice, err := s.decode()
		if err != nil {
			t.Fatal(err)
		}
		if row.intervals <= 600 && len(slice.Intervals) != row.intervals || len(slice.Intervals) < storeLeast {
			t.Errorf("%s: %d intervals are left of %d", name, len(slice.Intervals), row.intervals)
		}
		at, sum := int64(0), results.Interval{}
		for i := range slice.Intervals {
			one := &slice.Intervals[i]
			if one.Start != at {
				t.Fatalf("%s: interval %d begins at %d, the one before ended at %d", name, i, one.Start, at)
			}
			at = one.End
			sum.Merge(one)
		}
		whole, _, err := readInterval(appendInterval(nil, &want))
		if err != nil {
			t.Fatal(err)
		}
		if at != want.end || sum.Counts != whole.Counts || sum.BytesIn != whole.BytesIn {
			t.Errorf("%s: until %d %+v, want until %d %+v", name, at, sum.Counts, want.end, whole.Counts)
		}
		for i, pair := range [][2]results.Durations{
			{sum.ResponseTime, whole.ResponseTime}, {sum.RoundTrip, whole.RoundTrip},
			{sum.SendLag, whole.SendLag}, {sum.ClosedLoop, whole.ClosedLoop},
		} {
			a, b := pair[0].Histogram(), pair[1].Histogram()
			if !a.Equals(b) {
				t.Errorf("%s: histogram %d has %d of %d", name, i, a.TotalCount(), b.TotalCount())
			}
		}
	}
}

// TestDamagedIntervalsAreNotKept: what a child says is not believed.
func TestDamagedIntervalsAreNotKept(t *testing.T) {
	var s sliceStore
	if err := s.add([]byte("short")); err == nil {
		t.Error("an interval of five bytes is kept")
	}
	var v interval
	v.response.add(1)
	raw := appendInterval(nil, &v)
	for _, bad := range [][]byte{raw[:len(raw)-1], append(raw[:len(raw):len(raw)], 0)} {
		if err := new(interval).include(bad, true); err == nil {
			t.Errorf("%d bytes of an interval of %d are taken", len(bad), len(raw))
		}
	}
}
