// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// simulate runs a plan for so many slices' time on a target of which a probed slice costs the given share
// of throughput (closed) or of one core (open), with noise, and returns the modes.
func simulate(p *Planner, cost, noise float64, slices int, seed uint64) []results.Mode {
	rng := rand.New(rand.NewPCG(seed, 3))
	var modes []results.Mode
	at, end := second, second+int64(slices)*int64(p.plan.Slice)
	for at < end {
		mode := p.Next()
		length := int64(p.Length(mode))
		rate, busy := 100_000*math.Exp(noise*rng.NormFloat64()), 0.3*math.Exp(noise*rng.NormFloat64())
		if mode == results.Probed {
			rate *= 1 - cost
			busy += cost
		}
		n := int64(rate * float64(length) / 1e9)
		s := results.Slice{Mode: mode, Start: at, End: at + length,
			Intervals: []results.Interval{{Counts: results.Counts{OK: n}}}}
		s.TargetCPU = [2]results.CPUTime{{At: at}, {At: at + length, Total: int64(busy * float64(length))}}
		p.Done(&s)
		modes = append(modes, mode)
		at += length
	}
	return modes
}

// probedShare is the part of a simulated run that was probed.
func probedShare(p *Planner) float64 {
	var probed time.Duration
	for _, length := range p.probed {
		probed += length
	}
	return float64(probed) / float64(p.elapsed)
}

func count(modes []results.Mode) (probed int, adjacent bool) {
	for i, m := range modes {
		if m == results.Probed {
			probed++
			adjacent = adjacent || i > 0 && modes[i-1] == results.Probed
		}
	}
	return probed, adjacent
}

func TestPlannerKeepsTheBudget(t *testing.T) {
	tests := []struct {
		name        string
		budget      float64
		cost        float64
		slices      int
		least, most int // probed slices
		warn        bool
	}{
		{"free probes alternate", 3, 0, 60, 30, 30, false},
		{"cheap probes alternate", 3, 0.05, 60, 29, 30, false},
		{"dear probes wait", 3, 0.30, 60, 5, 6, false},
		{"very dear probes take the least, and shorter", 3, 0.90, 60, 3, 3, false},
		{"short run takes the least, and shorter", 3, 0.30, 20, 3, 3, false},
		{"too short for that, and says so", 3, 0.90, 10, 3, 3, true},
		{"budget of nothing", 0, 0.30, 20, 3, 3, true},
		{"wide budget", 20, 0.30, 60, 29, 30, false},
		{"too short for the least", 3, 0.01, 4, 2, 2, true},
		{"all probed because the user says so", 100, 0.9, 10, 10, 10, false},
	}
	for _, closed := range []bool{true, false} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				p := NewPlanner(Plan{Budget: tt.budget, Slice: time.Second, Duration: time.Duration(tt.slices) * time.Second, Closed: closed})
				modes := simulate(p, tt.cost, 0, tt.slices, 1)
				n, adjacent := count(modes)
				if n < tt.least || n > tt.most {
					t.Errorf("%d probed slices, want %d to %d: %v", n, tt.least, tt.most, modes)
				}
				if tt.budget < 100 && (adjacent || modes[0] != results.Bare) {
					t.Errorf("probed first or twice in a row: %v", modes)
				}
				if w := p.Warnings(); (len(w) > 0) != tt.warn {
					t.Errorf("warnings %q", w)
				}
				spent := 100 * tt.cost * probedShare(p)
				if !tt.warn && tt.budget < 100 && spent > tt.budget+1e-6 {
					t.Errorf("spent %v %% of a budget of %v", spent, tt.budget)
				}
			})
		}
	}
}

// The slices that a run gets in any case are as short as the budget asks, but no shorter
// than some thousand answers take; others keep their length.
func TestTheLeastSlicesFitTheBudget(t *testing.T) {
	const full = 500 * time.Millisecond
	for _, tt := range []struct {
		name string
		rate int64   // answers a second
		cost float64 // share of throughput
		want []time.Duration
	}{
		// 0.8 of 3 % of 10 s at a cost of 20 % are 1.2 s: 0.4 for each.
		{"dear", 100_000, 0.20, []time.Duration{full, 300 * time.Millisecond, 400 * time.Millisecond}},
		{"very dear", 100_000, 0.60, []time.Duration{full, full / 4, full / 4}},
		{"very dear, few requests", 20_000, 0.60, []time.Duration{full, 250 * time.Millisecond, 250 * time.Millisecond}},
		{"very dear, fewer requests", 5000, 0.60, []time.Duration{full, full, full}},
		{"cheap", 100_000, 0.05, []time.Duration{full, full, full}},
	} {
		p := NewPlanner(Plan{Budget: 3, Slice: full, Duration: 10 * time.Second, Closed: true})
		var got []time.Duration
		for at, end := second, 11*second; at < end; {
			s := results.Slice{Mode: p.Next(), Start: at}
			length, rate := p.Length(s.Mode), tt.rate
			if s.Mode == results.Probed {
				got = append(got, length.Round(time.Millisecond))
				rate -= int64(tt.cost * float64(rate))
			}
			at += int64(length)
			s.End = at
			s.Intervals = []results.Interval{{Counts: results.Counts{OK: rate * int64(length) / second}}}
			p.Done(&s)
		}
		if len(got) < 3 || !slices.Equal(got[:3], tt.want) {
			t.Errorf("%s: probed slices of %v, want %v first", tt.name, got, tt.want)
		}
	}
}

// Nobody's load is known to be closed, and a run without an end has no share of it.
func TestLengthsOfOtherRuns(t *testing.T) {
	busy := func(p *Planner) {
		s := results.Slice{Mode: results.Bare, Start: second, End: 2 * second, Intervals: []results.Interval{{Counts: results.Counts{OK: 300_000}}}}
		s.TargetCPU = [2]results.CPUTime{{At: s.Start}, {At: s.End, Total: second * 9 / 10}}
		p.Done(&s)
	}
	for _, tt := range []struct {
		name string
		plan Plan
		mode results.Mode
		want time.Duration
	}{
		// 0.8 of three fifths of 3 % of 10 s, for one of three slices at 20 %.
		{"foreign", Plan{Budget: 3, Slice: time.Second, Duration: 10 * time.Second, Foreign: true}, results.Probed, 250 * time.Millisecond},
		{"foreign, longer", Plan{Budget: 3, Slice: time.Second, Duration: 20 * time.Second, Foreign: true}, results.Probed, 480 * time.Millisecond},
		{"bare", Plan{Budget: 3, Slice: time.Second, Duration: 10 * time.Second, Foreign: true}, results.Bare, time.Second},
		{"without an end", Plan{Budget: 3, Slice: time.Second, Foreign: true}, results.Probed, time.Second},
		{"all probed", Plan{Budget: 100, Slice: time.Second, Duration: 10 * time.Second, Closed: true}, results.Probed, time.Second},
		{"a budget of nothing", Plan{Slice: time.Second, Duration: 10 * time.Second, Closed: true}, results.Probed, 250 * time.Millisecond},
	} {
		p := NewPlanner(tt.plan)
		busy(p)
		if got := p.Length(tt.mode).Round(time.Millisecond); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A family of probes pays for itself: what the dear one costs does not shorten the
// slices of the cheap one.
func TestFamiliesHaveCostsOfTheirOwn(t *testing.T) {
	plan := Plan{Budget: 3, Slice: 500 * time.Millisecond, Duration: 10 * time.Second, Closed: true, Turns: true}
	p := NewPlanner(plan)
	lengths := map[results.Carried][]time.Duration{}
	for at, end := second, 11*second; at < end; {
		s := results.Slice{Mode: p.Next(), Start: at}
		length, rate := p.Length(s.Mode), 300_000.0
		if s.Mode == results.Probed {
			s.Carried = p.Carries()
			lengths[s.Carried] = append(lengths[s.Carried], length.Round(time.Millisecond))
			if rate *= 0.95; s.Carried.Calls() {
				rate *= 0.80
			}
		}
		at += int64(length)
		s.End = at
		s.TargetCPU = [2]results.CPUTime{{At: s.Start}, {At: s.End, Total: int64(0.9 * float64(length))}}
		s.Intervals = []results.Interval{{Counts: results.Counts{OK: int64(rate * length.Seconds())}}}
		p.Done(&s)
	}
	// Of 3 % of 10 s three fifths may be spent, of which the least number aims at 0.8:
	// 36 ms for each. The first two are presumed to cost 20 %; then it is 24 % and 5 %.
	want := map[results.Carried][]time.Duration{
		results.CarriedCalls: {180 * time.Millisecond, 240 * time.Millisecond},
		results.CarriedClock: {144 * time.Millisecond, plan.Slice},
	}
	if !maps.EqualFunc(lengths, want, slices.Equal) {
		t.Errorf("slices lasted %v, want %v", lengths, want)
	}
	if spent := p.Spent(); spent > plan.Budget {
		t.Errorf("spent %.2f %%", spent)
	}
}

func TestPlannerSpreadsTheLeast(t *testing.T) {
	p := NewPlanner(Plan{Budget: 1, Slice: time.Second, Duration: 60 * time.Second, Closed: true})
	modes := simulate(p, 0.9, 0, 60, 1)
	var at []int
	for i, m := range modes {
		if m == results.Probed {
			at = append(at, i)
		}
	}
	if len(at) != 3 || at[0] != 1 || at[1] < 25 || at[1] > 35 || at[2] < 45 {
		t.Errorf("probed slices %v, want one early, one in the middle, one late", at)
	}
}

func TestFamiliesOfProbesTakeTurnsOnASaturatedTarget(t *testing.T) {
	saturated := Plan{Budget: 3, Slice: time.Second, Duration: 40 * time.Second, Closed: true, Turns: true}
	// slice is one of n answers in which the target kept so many cores busy.
	slice := func(at int64, n int64, busy float64) results.Slice {
		s := results.Slice{Start: at, End: at + second, Intervals: []results.Interval{{Counts: results.Counts{OK: n}}}}
		s.TargetCPU = [2]results.CPUTime{{At: s.Start}, {At: s.End, Total: int64(busy * float64(second))}}
		return s
	}
	tests := []struct {
		name string
		but  func(*Plan)
		rate int64   // answers a second in bare slices
		busy float64 // cores
		want string  // what the first probed slices carry
		all  int     // probed slices
	}{
		{"saturated", func(*Plan) {}, 300_000, 0.9, "calls clock calls clock", 4},
		{"all probed", func(p *Plan) { p.Budget = 100 }, 300_000, 0.9, "calls clock calls clock", 40},
		{"no warm-up", func(p *Plan) { p.Warmup = results.Slice{} }, 300_000, 0.9, "calls clock calls clock", 4},
		{"the warm-up was busy, the run is not", func(*Plan) {}, 300_000, 0.5, "all all all", 3},
		{"long requests", func(*Plan) {}, 30_000, 0.9, "all all all", 3},
		{"not to be had", func(p *Plan) { p.Turns = false }, 300_000, 0.9, "all all all", 3},
		{"at a set rate", func(p *Plan) { p.Closed = false }, 300_000, 0.9, "all all all", 20},
		{"too short for all turns", func(p *Plan) { p.Duration = 7 * time.Second }, 300_000, 0.9, "all all all", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := saturated
			plan.Warmup = slice(second, 300_000, 0.9)
			tt.but(&plan)
			p := NewPlanner(plan)
			var carried []string
			for at := second; at < second+int64(plan.Duration); at += int64(plan.Slice) {
				mode, n := p.Next(), tt.rate
				if mode == results.Probed {
					n = n * 7 / 10
				}
				s := slice(at, n, tt.busy)
				if s.Mode = mode; mode == results.Probed {
					s.Carried = p.Carries()
					carried = append(carried, s.Carried.String())
				}
				p.Done(&s)
			}
			if got := strings.Join(carried, " "); !strings.HasPrefix(got, tt.want) || len(carried) != tt.all {
				t.Errorf("%d probed slices carried %s, want %d that begin with %s", len(carried), got, tt.all, tt.want)
			}
		})
	}
}

func TestPlannerLearnsThroughNoise(t *testing.T) {
	var spent float64
	const runs = 40
	for seed := range uint64(runs) {
		p := NewPlanner(Plan{Budget: 3, Slice: time.Second, Duration: 120 * time.Second, Closed: true})
		n, _ := count(simulate(p, 0.15, 0.03, 120, seed))
		spent += 15 * float64(n) / 120 / runs
	}
	if spent < 2 || spent > 3.5 {
		t.Errorf("spent %.2f %% on average of a budget of 3", spent)
	}
}

func TestPlannerWithoutADuration(t *testing.T) {
	p := NewPlanner(Plan{Budget: 3, Slice: time.Second, Closed: true})
	modes := simulate(p, 0.5, 0, 7, 1)
	if n, _ := count(modes); n != 3 {
		t.Errorf("%d probed slices of 7, want the least at once: %v", n, modes)
	}
	if w := p.Warnings(); len(w) != 1 || !strings.Contains(w[0], "above the budget") {
		t.Errorf("warnings %q", w)
	}
}

func TestPlannerOnATargetThatDoesNotAnswer(t *testing.T) {
	p := NewPlanner(Plan{Budget: 3, Slice: time.Second, Duration: 10 * time.Second, Closed: true})
	for i := range 10 {
		s := results.Slice{Mode: p.Next(), Start: int64(i+1) * second, End: int64(i+2) * second}
		p.Done(&s)
	}
	if p.Cost(results.CarriedAll) != 0 || p.Spent() != 0 {
		t.Errorf("cost %v: nothing was learned", p.Cost(results.CarriedAll))
	}
	if p.taken != 5 {
		t.Errorf("%d probed", p.taken)
	}
}

func TestPlannerPassesOverTheWarmup(t *testing.T) {
	p := NewPlanner(Plan{Budget: 3, Slice: time.Second, Duration: 10 * time.Second})
	p.Done(&results.Slice{Mode: results.Warmup, Start: 1, End: second})
	if p.Next() != results.Bare {
		t.Error("the first slice must be bare")
	}
	p.Done(&results.Slice{Mode: results.Bare, Start: second, End: 2 * second})
	if p.elapsed != time.Second {
		t.Errorf("elapsed %v, want no warm-up in it", p.elapsed)
	}
}

// Where counting has its price nothing is attached in most of a run that can't afford
// probes, and each probed slice still has a bare one on both sides.
func TestPlannerLeavesForeignLoadAlone(t *testing.T) {
	for _, tt := range []struct {
		cost         float64
		slices       int
		least, most  int // probed
		gaps         int // at least
		overspending bool
	}{
		// Of so much of a core, at so much less throughput: 0.56, 0.14, 0.56 and 0.03
		// of a core at the rate that was.
		{0.30, 60, 3, 3, 60 - 9, false},
		{0.10, 60, 11, 13, 60 - 39, false},
		{0.30, 20, 3, 3, 20 - 9, true},
		{0.30, 12, 3, 3, 12 - 9, true},
		{0.30, 11, 3, 3, 2, true},
		{0.30, 10, 3, 3, 1, true},
		{0.30, 9, 3, 3, 1, true},
		{0.30, 8, 3, 3, 0, true},
		{0.30, 7, 3, 3, 0, true},
		{0.30, 6, 3, 3, 0, true},
		{0.02, 60, 29, 30, 0, false},
	} {
		p := NewPlanner(Plan{Budget: 3, Slice: time.Second, Duration: time.Duration(tt.slices) * time.Second, Foreign: true})
		modes := simulate(p, tt.cost, 0, tt.slices, 1)
		n, gaps := 0, 0
		for i, mode := range modes {
			switch mode {
			case results.Probed:
				n++
				if i == 0 || modes[i-1] != results.Bare || i+1 < len(modes) && modes[i+1] != results.Bare {
					t.Errorf("cost %v: slice %d has no bare neighbours: %v", tt.cost, i, modes)
				}
			case results.Gap:
				gaps++
			}
		}
		if n < tt.least || n > tt.most || gaps < tt.gaps {
			t.Errorf("cost %v: %d probed slices and %d gaps, want %d to %d and %d: %v", tt.cost, n, gaps, tt.least, tt.most, tt.gaps, modes)
		}
		if (len(p.Warnings()) > 0) != tt.overspending {
			t.Errorf("cost %v: warnings %q", tt.cost, p.Warnings())
		}
	}
}
