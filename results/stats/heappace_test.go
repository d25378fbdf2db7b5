// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestTheHeapsLoadKeepsToAllItsBounds(t *testing.T) {
	us := func(n float64) results.Estimate {
		return results.Estimate{Point: 1000 * n, Interval: [2]float64{900 * n, 1000 * n}}
	}
	for name, c := range map[string]struct {
		load  HeapLoad
		mean  float64
		burst float64
	}{
		"the budget":          {HeapLoad{BudgetPct: 3, Hits: 50, NsPerHit: us(1), BusyNs: 60_000, Throughput: 70_000, Requests: 30_000}, 510, 8160},
		"half of a core":      {HeapLoad{BudgetPct: 100, Hits: 50, NsPerHit: us(1), BusyNs: 60_000, Throughput: 70_000, Requests: 30_000}, 0.8 * 1e9 / 120_000, 1e9 / 120_000},
		"what is asked for":   {HeapLoad{BudgetPct: 3, Hits: 2, NsPerHit: us(1), BusyNs: 10_000, Throughput: 70_000, Asked: 1000, Requests: 30_000}, 800, 1000},
		"a slow server":       {HeapLoad{BudgetPct: 3, Hits: 2, NsPerHit: us(1), BusyNs: 10_000, Throughput: 40, Requests: 30_000}, 16, 20},
		"dear requests":       {HeapLoad{BudgetPct: 3, Hits: 5000, NsPerHit: us(2), BusyNs: 11e6, Throughput: 500, Requests: 30_000}, 2.55, 43.35},
		"between":             {HeapLoad{BudgetPct: 3, Hits: 50, NsPerHit: us(1), BusyNs: 60_000, Throughput: 2000, Requests: 30_000}, 510, 637.5},
		"nothing to pay":      {HeapLoad{BudgetPct: 3, Throughput: 1e6, Requests: 30_000}, 8000, 10_000},
		"below one a second":  {HeapLoad{BudgetPct: 1, Hits: 1e6, NsPerHit: us(10), BusyNs: 1e10, Throughput: 3, Requests: 10}, 0.8, 1},
		"no longer than that": {HeapLoad{BudgetPct: 3, Hits: 50, NsPerHit: us(1), BusyNs: 60_000, Throughput: 70_000, Requests: 30_000, Longest: 30 * time.Second}, 510, 8160},
	} {
		t.Run(name, func(t *testing.T) {
			p := PaceHeap(c.load)
			if math.Abs(p.Mean()-c.mean) > 0.01*c.mean || math.Abs(p.Burst-c.burst) > 0.01*c.burst {
				t.Errorf("%v a second in bursts of %v, want %v and %v", p.Mean(), p.Burst, c.mean, c.burst)
			}
			if p.High < 1 || p.High >= p.Parts || p.Parts > mostParts || p.Period < leastPeriod || p.Period > mostPeriod {
				t.Errorf("%+v", p)
			}
			want := c.load.Requests
			if c.load.Longest > 0 {
				want = int64(c.mean * c.load.Longest.Seconds())
				if p.Length() > c.load.Longest+time.Second {
					t.Errorf("it takes %v, and may take %v", p.Length(), c.load.Longest)
				}
			}
			if p.Requests != want {
				t.Errorf("%d requests, want %d", p.Requests, want)
			}
		})
	}
}

func TestHowBusyARequestKeepsTheTarget(t *testing.T) {
	slices := []results.Slice{costly(results.Bare, 1000), costly(results.Probed, 5000), costly(results.Probed, 7000)}
	if got := BusyPerRequest(slices, results.Probed); got != 6000 {
		t.Errorf("%v ns, want 6000", got)
	}
	if got := BusyPerRequest(nil, results.Bare); got != 0 {
		t.Errorf("%v ns of nothing", got)
	}
}
