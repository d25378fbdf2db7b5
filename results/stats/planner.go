// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"math"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// leastProbed is how many probed slices a run gets whatever they cost, if it is
// long enough: with fewer, the cost itself has no interval.
const leastProbed = 3

// Plan is what a Planner has to keep to.
type Plan struct {
	// Budget is the percentage of the target's throughput (closed loop) or
	// CPU time an answer (open loop) that the probes may cost, over the whole
	// run. At 100 and above every slice is probed; at 0 only the least number.
	Budget float64
	// Slice and Duration are the lengths of a slice and of all slices together;
	// Duration 0 means that nobody knows.
	Slice, Duration time.Duration
	// Closed says that throughput pays for the probes.
	Closed bool
}

// Planner decides, slice after slice, whether the next is bare or probed.
//
// The first is bare, and no two in a row are probed: every probed slice has a
// bare one before it to be compared with. From each such pair it learns what a
// probed slice costs, and takes the next one as soon as the cost of all of them
// stays within the budget's share of the time that has passed. Cheap probes so
// take every other slice, dear ones wait.
//
// Three probed slices are taken in any case, in each third of the run one, the
// first right after the first bare slice. Where that breaks the budget, Warnings
// says so. A Planner is used once: see NewPlanner.
type Planner struct {
	plan    Plan
	start   int64
	elapsed time.Duration
	probed  time.Duration
	taken   int
	last    results.Mode
	bare    float64   // the figure of the last bare slice; 0 when it had none
	ratios  []float64 // log ratios of probed to bare
}

// NewPlanner returns a Planner at the start of a run.
func NewPlanner(p Plan) *Planner { return &Planner{plan: p} }

// Next returns Bare or Probed.
func (p *Planner) Next() results.Mode {
	switch {
	case p.plan.Budget >= 100:
		return results.Probed
	case p.last != results.Bare:
		return results.Bare
	case p.taken < leastProbed && p.due():
		return results.Probed
	case p.taken >= 1 && p.affordable():
		return results.Probed
	}
	return results.Bare
}

// due tells whether one of the guaranteed slices has to be taken now.
func (p *Planner) due() bool {
	if p.taken == 0 || p.plan.Duration <= 0 {
		return true
	}
	// The second in the middle of the run, the third at five sixths.
	if p.elapsed >= p.plan.Duration*time.Duration(2*p.taken+1)/(2*leastProbed) {
		return true
	}
	if p.plan.Slice <= 0 {
		return false
	}
	// With bare ones between them, the rest needs 2n-1 slices.
	left := int((p.plan.Duration - p.elapsed + p.plan.Slice/2) / p.plan.Slice)
	return left < 2*(leastProbed-p.taken)
}

// affordable tells whether one more probed slice stays within the budget.
func (p *Planner) affordable() bool {
	cost := p.Cost() / 100 * float64(p.probed+p.plan.Slice)
	return cost <= p.plan.Budget/100*float64(p.elapsed+p.plan.Slice)
}

// Done tells the planner of a slice that has ended. Warm-up and gaps count for
// nothing but the time.
func (p *Planner) Done(s *results.Slice) {
	if s.Mode == results.Warmup {
		return
	}
	if p.start == 0 {
		p.start = s.Start
	}
	p.elapsed = time.Duration(s.End - p.start)
	figure := nsPerRequest
	if p.plan.Closed {
		figure = answerRate
	}
	switch s.Mode {
	case results.Bare:
		p.last = s.Mode
		p.bare, _ = figure(s)
	case results.Probed:
		p.last = s.Mode
		p.taken++
		p.probed += time.Duration(s.End - s.Start)
		if probed, ok := figure(s); ok && p.bare > 0 {
			p.ratios = append(p.ratios, math.Log(probed/p.bare))
		}
	}
}

// Cost is what a probed slice costs as far as it is known: percent of throughput
// (closed loop) or of CPU time an answer (open loop) while it lasts. It is 0
// before the first pair, and where the noise says that probes speed things up.
func (p *Planner) Cost() float64 {
	if len(p.ratios) == 0 {
		return 0
	}
	e, _ := Location(p.ratios)
	if p.plan.Closed {
		return max(0, -100*math.Expm1(e.Point))
	}
	return max(0, 100*math.Expm1(e.Point))
}

// Spent is what the probes have cost of the run so far, in percent of the same.
func (p *Planner) Spent() float64 {
	if p.elapsed <= 0 {
		return 0
	}
	return p.Cost() * float64(p.probed) / float64(p.elapsed)
}

// Warnings says, at the end of a run, what the plan could not keep.
func (p *Planner) Warnings() []string {
	var out []string
	if p.plan.Budget >= 100 {
		return nil
	}
	if p.taken < leastProbed {
		out = append(out, fmt.Sprintf(
			"the run had room for %d probed slices only; %d are the least for an interval of the probes' cost. Let it last longer, or make the slices shorter",
			p.taken, leastProbed))
	}
	if spent := p.Spent(); spent > p.plan.Budget {
		out = append(out, p.overspent(spent))
	}
	return out
}

// overspent words that the budget did not last.
func (p *Planner) overspent(spent float64) string {
	what := "CPU time a request"
	if p.plan.Closed {
		what = "throughput"
	}
	text := fmt.Sprintf("the probes cost about %.1f %% of the target's %s over the run, above the budget of %g %%",
		spent, what, p.plan.Budget)
	if p.taken > leastProbed || p.plan.Budget <= 0 {
		return text
	}
	enough := time.Duration(float64(p.elapsed) * spent / p.plan.Budget)
	return text + fmt.Sprintf(": %d probed slices are the least of a run. One of %v would stay within it",
		p.taken, (enough+time.Second-1).Truncate(time.Second))
}
