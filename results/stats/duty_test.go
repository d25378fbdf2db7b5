// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// stretch is a slice in which each answer cost so many ns, at a rate.
func stretch(length time.Duration, rate, nsPerAnswer float64) *results.Slice {
	n := rate * length.Seconds()
	begin := results.CPUTime{At: 1, Total: 1}
	end := results.CPUTime{At: 1 + length.Nanoseconds(), Total: 1 + int64(n*nsPerAnswer)}
	return &results.Slice{
		Start: 1, End: 1 + length.Nanoseconds(), TargetCPU: [2]results.CPUTime{begin, end},
		Intervals: []results.Interval{{Counts: results.Counts{OK: int64(n)}}},
	}
}

// spend watches for a while and says which share of a core the probes cost, and
// which share of the time they were on, both in percent.
func spend(budget, rate, bare, probed float64, interval time.Duration) (cost, on float64) {
	d := NewDuty(budget)
	var extra float64
	var probedTime, all time.Duration
	for range 200 {
		length := d.Next(interval)
		d.Done(stretch(interval-length, rate, bare), stretch(length, rate, probed))
		extra += rate * length.Seconds() * (probed - bare)
		probedTime += length
		all += interval
	}
	return 100 * extra / float64(all), 100 * float64(probedTime) / float64(all)
}

func TestAWatchKeepsItsBudget(t *testing.T) {
	for name, c := range map[string]struct {
		budget, rate, bare, probed float64
		leastOn, mostOn            float64
	}{
		"idle":              {3, 0, 1, 1, 15, 25},
		"cheap":             {3, 2_000, 20_000, 22_000, 75, 81},
		"saturated":         {3, 400_000, 2_400, 2_900, 5, 20},
		"dear":              {0.5, 400_000, 2_400, 6_000, 0.1, 5},
		"noise says faster": {3, 100_000, 2_400, 2_300, 75, 81},
		"whole":             {100, 400_000, 2_400, 2_900, 100, 100},
	} {
		for _, interval := range []time.Duration{200 * time.Millisecond, time.Second, 10 * time.Second} {
			t.Run(name+"/"+interval.String(), func(t *testing.T) {
				cost, on := spend(c.budget, c.rate, c.bare, c.probed, interval)
				// The first interval is probed before the cost is known.
				if cost > 1.1*c.budget {
					t.Errorf("cost %.2f %% of a core, the budget is %.2f %%", cost, c.budget)
				}
				if interval == time.Second && (on < c.leastOn || on > c.mostOn) {
					t.Errorf("probed %.1f %% of the time", on)
				}
			})
		}
	}
}

func TestAnEndlessWatchRemembersNoMoreThanTheLatest(t *testing.T) {
	d := NewDuty(3)
	for range 10_000 {
		d.Done(stretch(time.Second, 1000, 1000), stretch(time.Second, 1000, 1100))
	}
	if len(d.costs) > dutyPairs || cap(d.costs) > 2*dutyPairs+8 {
		t.Errorf("%d costs are kept, room for %d", len(d.costs), cap(d.costs))
	}
}

// A stretch between two bursts has one answer to all its CPU time. That is no reason
// to look away for hours.
func TestAPauseIsNoCost(t *testing.T) {
	d := NewDuty(3)
	slice := func(mode results.Mode, length, answers, cpu int64) *results.Slice {
		s := &results.Slice{Mode: mode, Start: second, End: second + length,
			Intervals: []results.Interval{{Counts: results.Counts{OK: answers}}}}
		s.TargetCPU = [2]results.CPUTime{{At: s.Start}, {At: s.End, Total: cpu}}
		return s
	}
	d.Done(slice(results.Bare, 800e6, 80_000, 400e6), slice(results.Probed, 200e6, 1, 10e6))
	if cost := d.Cost(); cost > 5.01 {
		t.Errorf("probes cost %v %% of a core, of a target that used 5", cost)
	}
	for range 5 {
		if d.Next(time.Second) > 0 {
			return
		}
		d.Done(slice(results.Bare, 1e9, 100_000, 500e6), &results.Slice{})
	}
	t.Error("nothing is probed for five intervals")
}
