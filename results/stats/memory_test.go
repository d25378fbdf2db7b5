// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"slices"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// look is a look at second s.
func look(s, rss, peak, faults int64) results.MemoryLook {
	return results.MemoryLook{At: s * 1e9, RSS: rss, PSS: rss / 2, Anon: rss / 4, File: rss - rss/4, Peak: peak, Minor: faults, Source: "smaps_rollup"}
}

func TestMemorySumsUpWhatWasSeen(t *testing.T) {
	record := &results.MemoryRecord{Looks: []results.MemoryLook{
		look(0, 100, 100, 50), look(1, 120, 120, 60), look(2, 300, 300, 160), look(3, 150, 300, 260), look(4, 110, 300, 270)},
		Settled: true, SettleNs: 5}
	counts := []results.RequestCount{{At: 1e9}, {At: 2e9, Count: 1000}, {At: 3e9, Count: 4000}}
	m := Memory(record, counts)
	if m.RSSBaselineBytes != 100 || m.RSSPeakBytes != 300 || m.RSSFinalBytes != 110 || m.PeakSource != "smaps_rollup" || m.EarlierPeak || !m.Settled {
		t.Errorf("got %+v", m)
	}
	if m.Largest.RSSBytes != 300 || m.Largest.PSSBytes != 150 || m.Final.AnonBytes != 27 || m.Baseline.FileBytes != 75 {
		t.Errorf("parts %+v, %+v, %+v", m.Baseline, m.Largest, m.Final)
	}
	if len(m.Curve) != 5 || m.Curve[0].Requests != 0 || m.Curve[2].Requests != 1000 || m.Curve[4].Requests != 4000 || m.Curve[4].AtNs != 4e9 {
		t.Errorf("curve %+v", m.Curve)
	}
	// From second 1 to second 3: 200 faults, 4,000 requests.
	if m.FaultsPerRequest == nil || *m.FaultsPerRequest != 0.05 {
		t.Errorf("faults %v", m.FaultsPerRequest)
	}
}

func TestThePeakIsTheLargestThatIsOfThisRun(t *testing.T) {
	for name, c := range map[string]struct {
		peakBefore, peakAfter, glanced int64
		want                           int64
		source                         string
		earlier                        bool
	}{
		"a look's":                     {110, 150, 0, 150, "smaps_rollup", false},
		"between two looks":            {110, 900, 0, 900, "VmHWM", false},
		"a glance's":                   {990, 990, 500, 500, "status", true},
		"older than the run":           {800, 800, 0, 150, "smaps_rollup", true},
		"not told":                     {-1, -1, 0, 150, "smaps_rollup", false},
		"a glance's that VmHWM tops":   {110, 700, 500, 700, "VmHWM", false},
		"the kernel's count is behind": {110, 140, 0, 150, "smaps_rollup", false},
	} {
		m := Memory(&results.MemoryRecord{Glanced: c.glanced, Looks: []results.MemoryLook{
			look(0, 100, c.peakBefore, 0), look(1, 150, c.peakAfter, 0), look(2, 120, c.peakAfter, 0)}}, nil)
		if m.RSSPeakBytes != c.want || m.PeakSource != c.source || m.EarlierPeak != c.earlier {
			t.Errorf("%s: %d by %s, earlier %v; want %+v", name, m.RSSPeakBytes, m.PeakSource, m.EarlierPeak, c)
		}
	}
}

func TestMemoryThatWasNotSeenIsAbsent(t *testing.T) {
	if m := Memory(&results.MemoryRecord{}, nil); m != nil {
		t.Errorf("got %+v", m)
	}
	bare := results.MemoryLook{At: 5, RSS: 100, PSS: -1, Anon: 60, File: 40, Peak: -1, Minor: -1, Major: -1, Source: "status"}
	m := Memory(&results.MemoryRecord{Looks: []results.MemoryLook{bare}}, []results.RequestCount{{At: 1}, {At: 9, Count: 4}})
	if m.Baseline != nil || m.FaultsPerRequest != nil || m.LifePeak != 0 || m.Source != "status" || m.Curve[0].Requests != 2 {
		t.Errorf("got %+v", m)
	}
}

func TestAThinCurveKeepsItsPeakAndItsEnds(t *testing.T) {
	var curve []results.MemoryPoint
	for i := range int64(5000) {
		curve = append(curve, results.MemoryPoint{AtNs: i, Requests: i, RSSBytes: 1000 + i%7})
	}
	curve[3333].RSSBytes = 99_999
	thin := Thinned(curve)
	if len(thin) != curvePoints || thin[0] != curve[0] || thin[len(thin)-1] != curve[4999] {
		t.Fatalf("%d points, %+v to %+v", len(thin), thin[0], thin[len(thin)-1])
	}
	found := false
	for i, p := range thin {
		found = found || p == curve[3333]
		if i > 0 && p.AtNs <= thin[i-1].AtNs {
			t.Errorf("point %d is not behind the one before", i)
		}
	}
	if !found {
		t.Error("the peak is gone")
	}
	if got := Thinned(curve[:5]); len(got) != 5 {
		t.Errorf("a short curve was thinned to %d", len(got))
	}
}

func TestAnsweredCountsWhatNobodyCounted(t *testing.T) {
	interval := func(from, to, n int64) results.Interval {
		return results.Interval{Start: from, End: to, Counts: results.Counts{OK: n - 1, Error: 1, Timeout: 5}}
	}
	all := []results.Slice{
		{Start: 300, End: 500, Intervals: []results.Interval{interval(300, 400, 10), interval(400, 500, 20), interval(700, 800, 9)}},
		{Start: 100, End: 200, Intervals: []results.Interval{interval(100, 200, 30)}},
		{Start: 7, End: 7}, // never ended
	}
	// Gaps of 100 and 300 ns share the 40 of 100 that no slice has.
	got := Answered(all, 800, 100)
	want := []results.RequestCount{{At: 100}, {At: 200, Count: 30}, {At: 300, Count: 40}, {At: 400, Count: 50}, {At: 500, Count: 70}, {At: 800, Count: 100}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Answered(nil, 5, 5); got != nil {
		t.Errorf("of no slice: %v", got)
	}
	if got := Answered(all[1:2], 100, 3); len(got) != 2 || got[1].Count != 30 {
		t.Errorf("of a total that is too small: %v", got)
	}
}
