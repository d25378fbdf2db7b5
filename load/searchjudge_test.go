// SPDX-License-Identifier: Apache-2.0

package load

import (
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// judged is a slice from one second to another in which n answers came, slow of
// them above 10 ms.
func judged(mode results.Mode, from, to float64, n, slow, failed int64) *results.Slice {
	s := &results.Slice{Mode: mode, Start: 1e12 + int64(from*1e9), End: 1e12 + int64(to*1e9)}
	var times results.Durations
	times.Append(1_000_000, n-slow)
	times.Append(12_000_000, slow)
	s.Intervals = []results.Interval{{Counts: results.Counts{OK: n, Error: failed}, ResponseTime: times}}
	return s
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		slices       []*results.Slice // of 1,000 constant requests a second
		missed, lost bool
		late         bool // with an allowance of 5 ms it is not missed
		unanswered   int64
		requests     int64
	}{
		"all answered in time":          {slices: []*results.Slice{judged(results.Warmup, 0, 1, 1000, 0, 0), judged(results.Bare, 1, 5, 4000, 0, 0)}, requests: 4000},
		"one in a hundred may be slow":  {slices: []*results.Slice{judged(results.Bare, 0, 4, 4000, 40, 0)}, requests: 4000},
		"more may not":                  {slices: []*results.Slice{judged(results.Bare, 0, 4, 4000, 41, 0)}, missed: true, late: true, requests: 4000},
		"so many that the rest matters": {slices: []*results.Slice{judged(results.Bare, 0, 1, 1000, 50, 0)}, missed: true, lost: true, late: true, requests: 1000},
		"slow ones of the warm-up":      {slices: []*results.Slice{judged(results.Warmup, 0, 1, 1000, 900, 0), judged(results.Bare, 1, 5, 4000, 0, 0)}, requests: 4000},
		"failed ones have missed":       {slices: []*results.Slice{judged(results.Bare, 0, 4, 3900, 0, 100)}, missed: true, lost: true, requests: 4000},
		"under way, and not for long":   {slices: []*results.Slice{judged(results.Bare, 0, 4, 3992, 0, 0)}, unanswered: 8, requests: 3992},
		"behind: fast answers, and many owed": {slices: []*results.Slice{judged(results.Bare, 0, 4, 3800, 0, 0)},
			missed: true, lost: true, unanswered: 200, requests: 3989},
		"nothing answered": {slices: []*results.Slice{judged(results.Bare, 0, 4, 0, 0, 0)},
			missed: true, lost: true, unanswered: 4000, requests: 3989},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := NewJudge(&Options{Rate: "1000", Arrivals: ArrivalsConstant}, tenMs, 4)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range c.slices {
				j.Add(s)
			}
			limit, missed := j.Missed(0)
			_, servers := j.Missed(5 * time.Millisecond)
			if missed != c.missed || j.Lost() != c.lost || servers != (c.missed && !c.late) {
				t.Errorf("missed %v (%s), lost %v, the server's %v", missed, limit.Metric, j.Lost(), servers)
			}
			if missed && limit != tenMs[0] {
				t.Errorf("missed %+v", limit)
			}
			if j.Unanswered() != c.unanswered || j.Requests() != c.requests {
				t.Errorf("%d unanswered, %d requests", j.Unanswered(), j.Requests())
			}
		})
	}
}

func TestJudgeNamesTheLimitThatIsMissedTheMost(t *testing.T) {
	limits, err := ParseLimits("p50<10ms,p99<10ms")
	if err != nil {
		t.Fatal(err)
	}
	j, err := NewJudge(&Options{Rate: "1000", Arrivals: ArrivalsConstant}, limits, 1)
	if err != nil {
		t.Fatal(err)
	}
	j.Add(judged(results.Bare, 0, 1, 1000, 600, 0))
	if l, missed := j.Missed(0); !missed || l.Metric != "p99" {
		t.Errorf("missed %v: %s", missed, l.Metric)
	}
}

func TestJudgeRefusesARateThatIsNone(t *testing.T) {
	for _, rate := range []string{"", "max", "-1"} {
		if _, err := NewJudge(&Options{Rate: rate, Arrivals: ArrivalsConstant}, tenMs, 1); err == nil {
			t.Errorf("%q: no error", rate)
		}
	}
}
