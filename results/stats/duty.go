// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// dutyPairs is how many of the latest comparisons the cost is taken from.
	dutyPairs = 21
	// dutyFirst is the share of an interval that is probed while the cost is not
	// known, dutyMost the largest: the rest is what the cost is compared with.
	dutyFirst = 0.2
	dutyMost  = 0.8
	// dutyLeast is the shortest stretch that is worth putting the probes on for.
	dutyLeast = 50 * time.Millisecond
)

// Duty settles how much of each interval of an endless watch is probed, so that
// the probes cost no more than a budget: percent of one core that the target uses
// more than without them, at the rate of traffic that is there. It remembers only
// the latest costs.
type Duty struct {
	budget          float64
	costs           []float64 // percent of one core while probed, the latest
	spent           float64   // Σ cost × time, percent × ns
	elapsed, probed time.Duration
}

// NewDuty returns a Duty for a budget in percent; 100 and above probes always.
func NewDuty(budget float64) *Duty { return &Duty{budget: budget} }

// Next is how much of the next interval to probe; 0: nothing of it, because even
// the shortest stretch would cost too much by now.
func (d *Duty) Next(interval time.Duration) time.Duration {
	if d.budget >= 100 {
		return interval
	}
	least := min(dutyLeast, interval/2)
	cost := d.Cost()
	length := time.Duration(dutyFirst * float64(interval))
	if len(d.costs) > 0 {
		length = time.Duration(dutyMost * float64(interval))
	}
	if cost > 0 {
		length = min(length, time.Duration(d.budget/cost*float64(interval)))
	}
	if length >= least {
		return length
	}
	if d.spent+cost*float64(least) <= d.budget*float64(d.elapsed+interval) {
		return least
	}
	return 0
}

// Done tells of an interval: its bare slice and its probed one, either of which
// may be empty.
func (d *Duty) Done(bare, probed *results.Slice) {
	d.elapsed += time.Duration(bare.End - bare.Start + probed.End - probed.Start)
	d.probed += time.Duration(probed.End - probed.Start)
	without, ok := nsPerRequest(bare)
	with, probedOK := nsPerRequest(probed)
	if busy, clocked := cores(bare); ok && probedOK && clocked {
		used, _ := cores(probed)
		d.costs = append(d.costs, foreignCost(without, with, busy, used))
		if len(d.costs) > dutyPairs {
			d.costs = append(d.costs[:0], d.costs[1:]...)
		}
	}
	d.spent += d.Cost() * float64(probed.End-probed.Start)
}

// Cost is what the probes cost while they are on, in percent of one core; 0 before
// it is known, and where it is less than the noise.
func (d *Duty) Cost() float64 {
	if len(d.costs) == 0 {
		return 0
	}
	e, _ := Location(d.costs)
	return max(0, e.Point)
}

// Spent is what they have cost on the whole, in percent of one core; ok is false
// while it is not known.
func (d *Duty) Spent() (pct float64, ok bool) {
	if d.elapsed <= 0 || len(d.costs) == 0 {
		return 0, false
	}
	return d.spent / float64(d.elapsed), true
}

// ProbedPct is the share of the time that was probed.
func (d *Duty) ProbedPct() float64 {
	if d.elapsed <= 0 {
		return 0
	}
	return 100 * float64(d.probed) / float64(d.elapsed)
}
