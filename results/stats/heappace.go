// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// heapCycles is into how many bursts and rests a heap phase is cut: the leak
	// verdict has a look in each rest.
	heapCycles  = 100
	leastPeriod = 100 * time.Millisecond
	mostPeriod  = 5 * time.Second
	// mostParts bounds how long a rest is beside its burst.
	mostParts = 20
	// A burst takes at most this part of its period, and loads the target with at
	// most half of a core, probes included, and of what it answered without them.
	loadedParts, ofParts = 4, 5
	easyShare            = 0.5
	// planned is the part of the budget that is planned with: a stop costs more or
	// less later on than the scout saw.
	planned   = 0.85
	mostBurst = 10_000
)

// HeapLoad is what the load of a heap phase has to keep to.
type HeapLoad struct {
	BudgetPct  float64          // of one core, for the probes, rests included
	Hits       float64          // stops in a probe a request
	NsPerHit   results.Estimate // of the target's CPU time
	BusyNs     float64          // the target's CPU time a request, with the probes
	Throughput float64          // requests a second that it answered without probes
	Asked      float64          // requests a second that the user allows; 0: any
	Requests   int64            // that are wanted
	Longest    time.Duration    // that the phase may take; 0: as long as the requests take
}

// HeapPace is a load of bursts with rests between. A stop in a probe costs a
// target that works half of what it costs one that has just woken up, so the
// same budget bears twice the requests; and what the target holds is looked at
// while it rests.
type HeapPace struct {
	Burst       float64       // requests a second in a burst
	Period      time.Duration // from burst to burst
	High, Parts int           // a period has so many equal parts, the first so many are the burst
	Requests    int64
}

// Mean is the rate, requests a second, with the rests.
func (p HeapPace) Mean() float64 { return p.Burst * float64(p.High) / float64(p.Parts) }

// Length is how long the requests take.
func (p HeapPace) Length() time.Duration {
	return time.Duration(float64(p.Requests) / p.Mean() * 1e9)
}

// PaceHeap is the fastest load that keeps to l; but no burst has less than one
// request a second.
func PaceHeap(l HeapLoad) HeapPace {
	burst := math.Min(mostBurst, easyShare*l.Throughput)
	if l.BusyNs > 0 {
		burst = math.Min(burst, easyShare*1e9/l.BusyNs)
	}
	if l.Asked > 0 {
		burst = math.Min(burst, l.Asked)
	}
	burst = math.Max(burst, 1)
	mean := math.Max(1, HeapRate(planned*l.BudgetPct, l.Hits, l.NsPerHit))
	p := HeapPace{High: loadedParts, Parts: ofParts}
	switch share := mean / burst; {
	case share >= float64(loadedParts)/ofParts:
		p.Burst = burst
	case share > 0.5:
		p.Burst = mean * ofParts / loadedParts
	default:
		p.High, p.Parts = 1, min(int(1/share), mostParts)
		p.Burst = mean * float64(p.Parts)
	}
	p.Requests = l.Requests
	if l.Longest > 0 {
		p.Requests = max(1, min(p.Requests, int64(p.Mean()*l.Longest.Seconds())))
	}
	p.Period = min(max(p.Length()/heapCycles, leastPeriod), mostPeriod)
	return p
}
