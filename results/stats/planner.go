// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"slices"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// leastProbed is how many probed slices a run gets whatever they cost, if it is
	// long enough: with fewer, the cost itself has no interval.
	leastProbed = 3
	// leastTurns is the same where the families of probes take turns: two of each.
	leastTurns = 4
	// saturated is how many cores a target keeps busy, at least, that is taken to be
	// what its clients wait for.
	saturated = 0.8
	// brief is the CPU time a request, ns, up to which its probes are a part of it that
	// matters: they take about 0.7 µs of the server's time where it makes two calls.
	brief = 25_000
	// aimed is the part of the budget that the least number of probed slices is to take:
	// what they cost is an estimate, and probes are on a little longer than their slice.
	aimed = 0.8
	// joining is the part of the budget that probes leave where requests are so brief:
	// to join what was seen takes CPU time too, and there is none to spare.
	joining = 0.4
	// presumed is what probes cost there (percent), as long as nobody knows.
	presumed = 20
	// leastAnswers is how many answers a slice should bring, when it is made shorter.
	leastAnswers = 5000
	// shortest is the part of a slice's length that is always left.
	shortest = 0.25
)

// Plan is what a Planner has to keep to.
type Plan struct {
	// Budget is what the probes may cost over the whole run: percent of the
	// target's throughput (closed loop), or percent of one core more than the
	// target uses without them (open loop). At 100 and above every slice is
	// probed; at 0 only the least number.
	Budget float64
	// Slice and Duration are the lengths of a slice and of all slices together;
	// Duration 0 means that nobody knows.
	Slice, Duration time.Duration
	// Closed says that throughput pays for the probes.
	Closed bool
	// Foreign says that the load is not ours, and whether it is open or closed is
	// not known: then the cost is what an answer costs more CPU time, at the rate of
	// the bare slices, in percent of one core.
	Foreign bool
	// Turns allows the families of probes to take turns.
	Turns bool
	// Warmup is the slice before the first; empty: there was none.
	Warmup results.Slice
}

// Planner decides, slice after slice, whether the next is bare or probed.
//
// The first is bare, and no two in a row are probed: every probed slice has a
// bare one before it to be compared with. From each such pair it learns what a
// probed slice costs, and takes the next one as soon as the cost of all of them
// stays within the budget's share of the time that has passed. Cheap probes so
// take every other slice, dear ones wait.
//
// On a target that is saturated with brief requests every probe costs throughput, and
// each family of them shows in the other's figures: the clock's interrupts in the times
// of requests, the tracing of system calls in what the samples find. There, if the plan
// allows it, the families take turns: see Carries.
//
// Three probed slices are taken in any case, in each third of the run one, the
// first right after the first bare slice; with turns four, the first two early. Where
// their cost is known, or can be presumed, they are as short as the budget asks: see
// Length. Where that isn't enough, Warnings says so.
//
// Where the load is foreign a bare slice has its price too, for the kernel has to
// count the answers in it. Then only the slices beside a probed one are bare, and in
// between nobody looks: those are gaps. A Planner is used once: see NewPlanner.
type Planner struct {
	plan    Plan
	start   int64
	elapsed time.Duration
	taken   int
	last    results.Mode
	bare    float64 // the figure of the last bare slice; 0 when it had none
	busy    float64 // how many cores the target kept busy, in the slice that judge has seen last
	each    float64 // ns of CPU time a request in it
	rate    float64 // answers a second in it
	turns   int     // probed slices that did not carry all

	// By what the slices carried.
	probed [results.CarriedClock + 1]time.Duration // how long they were, together
	costs  [results.CarriedClock + 1][]float64     // percent, of each pair
}

// NewPlanner returns a Planner at the start of a run.
func NewPlanner(plan Plan) *Planner {
	p := &Planner{plan: plan}
	p.judge(&plan.Warmup)
	return p
}

// judge notes what a slice says of the target.
func (p *Planner) judge(s *results.Slice) {
	p.busy, _ = cores(s)
	p.each, _ = nsPerRequest(s)
	p.rate, _ = answerRate(s)
}

// Next returns Bare or Probed, or Gap where the load is foreign.
func (p *Planner) Next() results.Mode {
	switch {
	case p.plan.Budget >= 100:
		return results.Probed
	case p.last == results.Probed:
		return results.Bare
	case p.taken < p.least() && p.due(), p.taken >= 1 && p.affordable():
		if p.last != results.Bare {
			return results.Bare
		}
		return results.Probed
	case p.plan.Foreign:
		return results.Gap
	}
	return results.Bare
}

// Carries says what the next probed slice carries.
func (p *Planner) Carries() results.Carried {
	switch {
	case !p.inTurns():
		return results.CarriedAll
	case p.turns%2 == 0:
		return results.CarriedCalls
	}
	return results.CarriedClock
}

// inTurns says that the families of probes take turns now. A run that is too short for
// two turns of each might lack one.
func (p *Planner) inTurns() bool {
	need := 2 * leastTurns // each with a bare one
	if p.plan.Budget >= 100 {
		need = leastTurns
	}
	room := p.plan.Duration <= 0 || p.plan.Duration >= time.Duration(need)*p.plan.Slice
	return p.plan.Turns && p.plan.Closed && room && p.hurried()
}

// hurried says that the target is saturated with brief requests.
func (p *Planner) hurried() bool { return p.busy >= saturated && p.each > 0 && p.each <= brief }

// allowed is the share of the run that probes may cost.
func (p *Planner) allowed() float64 {
	if p.hurried() {
		return (1 - joining) * p.plan.Budget / 100
	}
	return p.plan.Budget / 100
}

// least is how many probed slices the run gets whatever they cost.
func (p *Planner) least() int {
	if p.turns > 0 || p.inTurns() {
		return leastTurns
	}
	return leastProbed
}

// due tells whether one of the guaranteed slices has to be taken now.
func (p *Planner) due() bool {
	if p.taken == 0 || p.turns == 1 || p.plan.Duration <= 0 { // what ends early has both families
		return true
	}
	// Of three the second in the middle of the run, the third at five sixths.
	if p.elapsed >= p.plan.Duration*time.Duration(2*p.taken+1)/time.Duration(2*p.least()) {
		return true
	}
	if p.plan.Slice <= 0 {
		return false
	}
	// Each of the rest needs a bare one before it. The first has one by now, but not
	// after a gap.
	need := 2 * (p.least() - p.taken)
	if p.last == results.Bare && !p.plan.Foreign {
		need--
	}
	left := int((p.plan.Duration - p.elapsed + p.plan.Slice/2) / p.plan.Slice)
	return left <= need
}

// affordable tells whether one more probed slice stays within the budget.
func (p *Planner) affordable() bool {
	cost := p.Cost(p.Carries()) / 100 * float64(p.plan.Slice)
	return p.spent()+cost <= p.allowed()*float64(p.elapsed+p.plan.Slice)
}

// Length is how long the next slice should last, if that is of a mode. One of the
// least number of probed slices is as long as its share of the budget lasts, if that
// is shorter than the others, but as long as the target takes for 5,000 answers without
// probes: the cost is to be no accident of a few.
func (p *Planner) Length(mode results.Mode) time.Duration {
	if mode != results.Probed || p.plan.Budget >= 100 || p.plan.Duration <= 0 || p.taken >= p.least() {
		return p.plan.Slice
	}
	carried := p.Carries()
	cost := p.Cost(carried)
	if len(p.costs[carried]) == 0 && p.hurried() {
		cost = presumed
	}
	if cost == 0 || p.rate == 0 {
		return p.plan.Slice
	}
	share := aimed * p.allowed() * float64(p.plan.Duration) * float64(p.taken+1) / float64(p.least())
	length := max((share-p.spent())/cost*100, shortest*float64(p.plan.Slice), leastAnswers/p.rate*1e9)
	return time.Duration(min(float64(p.plan.Slice), length))
}

// Done tells the planner of a slice that has ended. The warm-up counts for nothing,
// and a gap for its time.
func (p *Planner) Done(s *results.Slice) {
	if s.Mode == results.Warmup {
		return
	}
	if p.start == 0 {
		p.start = s.Start
	}
	p.elapsed = time.Duration(s.End - p.start)
	figure := cores
	switch {
	case p.plan.Closed:
		figure = answerRate
	case p.plan.Foreign:
		figure = nsPerRequest
	}
	p.last = s.Mode
	switch s.Mode {
	case results.Bare:
		p.bare, _ = figure(s)
		p.judge(s)
	case results.Probed:
		p.taken++
		if s.Carried != results.CarriedAll {
			p.turns++
		}
		if p.bare == 0 { // there are no bare ones
			p.judge(s)
		}
		p.probed[s.Carried] += time.Duration(s.End - s.Start)
		if probed, ok := figure(s); ok && p.bare > 0 {
			used, _ := cores(s)
			p.costs[s.Carried] = append(p.costs[s.Carried], p.cost(probed, used))
		}
	}
}

// cost compares a probed slice's figure with that of the bare slice before it.
func (p *Planner) cost(probed, used float64) float64 {
	switch {
	case p.plan.Closed:
		return 100 * (1 - probed/p.bare)
	case p.plan.Foreign:
		return foreignCost(p.bare, probed, p.busy, used)
	}
	return 100 * (probed - p.bare)
}

// foreignCost is by how much of one core, in percent, the probes raise the CPU time of
// a target under others' load, which took so many ns an answer bare and probed, and
// kept so many cores busy in each. A pause of the load can leave one answer to a
// slice's CPU time, so they are said to take no more than all that the target used.
func foreignCost(bare, probed, busy, used float64) float64 {
	return 100 * min((probed/bare-1)*busy, used)
}

// cores is how many cores a slice kept busy with the target; ok is false when
// its clocks are missing.
func cores(s *results.Slice) (n float64, ok bool) {
	if !clocked(s) {
		return 0, false
	}
	begin, end := s.TargetCPU[0], s.TargetCPU[1]
	return float64(end.Total-begin.Total) / float64(end.At-begin.At), end.Total > begin.Total
}

// Cost is what a probed slice that carries something costs while it lasts, in the unit
// of the budget; where no such slice is known, what the others do. It is 0 before the
// first pair, and where the noise says that probes speed things up.
func (p *Planner) Cost(carried results.Carried) float64 {
	costs := p.costs[carried]
	if len(costs) == 0 {
		costs = slices.Concat(p.costs[:]...)
	}
	if len(costs) == 0 {
		return 0
	}
	e, _ := Location(costs)
	return max(0, e.Point)
}

// spent is what the probes have cost so far, in ns of the whole throughput, or of one
// core.
func (p *Planner) spent() (ns float64) {
	for carried, length := range p.probed {
		if length > 0 {
			ns += p.Cost(results.Carried(carried)) / 100 * float64(length)
		}
	}
	return ns
}

// Spent is what the probes have cost of the run so far, in percent of the same.
func (p *Planner) Spent() float64 {
	if p.elapsed <= 0 {
		return 0
	}
	return 100 * p.spent() / float64(p.elapsed)
}

// Warnings says, at the end of a run, what the plan could not keep.
func (p *Planner) Warnings() []string {
	var out []string
	if p.plan.Budget >= 100 {
		return nil
	}
	if p.taken < p.least() {
		what := "an interval of the probes' cost takes"
		if p.least() == leastTurns {
			what = "two turns of each family of probes take"
		}
		out = append(out, fmt.Sprintf(
			"the run had room for only %d of the %d probed slices that %s. Let it last longer, or make the slices shorter",
			p.taken, p.least(), what))
	}
	if spent := p.Spent(); spent > p.plan.Budget {
		out = append(out, p.overspent(spent))
	}
	return out
}

// overspent words that the budget did not last.
func (p *Planner) overspent(spent float64) string {
	what := "one core"
	if p.plan.Closed {
		what = "the target's throughput"
	}
	text := fmt.Sprintf("the probes cost about %.1f %% of %s over the run, above the budget of %g %%",
		spent, what, p.plan.Budget)
	if p.taken > p.least() || p.plan.Budget <= 0 {
		return text
	}
	enough := time.Duration(float64(p.elapsed) * spent / p.plan.Budget)
	return text + fmt.Sprintf(": %d probed slices are the least of a run. A run of %v would stay within it",
		p.taken, (enough+time.Second-1).Truncate(time.Second))
}
