// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// missed is a probe of one second at 10,000/s that missed its limit on a machine
// with time to spare.
func missed(change func(*results.RateProbe)) results.RateProbe {
	cpu := 60.0
	p := results.RateProbe{DurationNs: second, OfferedRPS: 10_000, AchievedRPS: 9_990, Outcome: results.ProbeMissed,
		Requests: 10_000, ServerCPUPct: &cpu, GeneratorCPUPct: 20, IdlePct: 50}
	change(&p)
	return p
}

func TestGaveWay(t *testing.T) {
	far := missed(func(p *results.RateProbe) { p.OfferedRPS, p.StealPct = 40_000, 90 })
	met := missed(func(p *results.RateProbe) { p.OfferedRPS, p.Outcome, p.StealPct = 9_900, results.ProbeMet, 90 })
	late := missed(func(p *results.RateProbe) { p.Outcome, p.OwnLagP99 = results.ProbeLate, 5_000_000 })
	for name, c := range map[string]struct {
		change func(*results.RateProbe)
		bound  bool
		room   Room
		want   string
		says   string
	}{
		"a thread at its end": {func(p *results.RateProbe) { *p.ServerCPUPct = 97 }, false, Room{1, 2},
			results.GaveServerCPU, "97 % of a core, all that its one thread can"},
		"all threads at their end": {func(p *results.RateProbe) { *p.ServerCPUPct = 370 }, false, Room{9, 4},
			results.GaveServerCPU, "370 % of a core"},
		"one of many threads at its end": {func(p *results.RateProbe) { *p.ServerCPUPct, p.AchievedRPS = 104, 9_000 }, false, Room{9, 4},
			results.GaveServerCPU, "fell behind and used 104 % of a core"},
		"requests that wait for each other": {func(p *results.RateProbe) {}, false, Room{1, 2},
			results.GaveQueue, "kept up with 60 % of a core"},
		"a server that waits itself": {func(p *results.RateProbe) { p.AchievedRPS = 9_000 }, false, Room{1, 2},
			results.GaveUpstream, "only 60 % of a core"},
		"a server that waits most of the time": {func(p *results.RateProbe) { *p.ServerCPUPct = 3 }, false, Room{1, 2},
			results.GaveUpstream, "only 3 % of a core: it waits"},
		"stolen time": {func(p *results.RateProbe) { p.StealPct, *p.ServerCPUPct = 12, 99 }, false, Room{1, 2},
			results.GaveMachine, "took 12 % of the machine's time"},
		"no idle time": {func(p *results.RateProbe) { p.IdlePct = 1 }, false, Room{1, 2},
			results.GaveMachine, "2 CPUs had 1 % idle time left"},
		"failures": {func(p *results.RateProbe) { p.Failed, *p.ServerCPUPct = 500, 99 }, false, Room{1, 2},
			results.GaveErrors, "500 of 10000 requests failed"},
		"a server nobody knows": {func(p *results.RateProbe) { p.ServerCPUPct = nil }, false, Room{0, 2},
			results.GaveUnknown, "--pid names it"},
		"the generator": {func(p *results.RateProbe) { *p = late }, true, Room{1, 2},
			results.GaveGenerator, "late itself (by 5ms at p99"},
		"the generator, now and then": {func(p *results.RateProbe) { *p = late }, false, Room{1, 2},
			results.GaveServerCPU, "at 40000 requests/s"},
		"nothing": {func(p *results.RateProbe) { p.Outcome = results.ProbeMet }, false, Room{1, 2},
			results.GaveNothing, "no probe missed"},
	} {
		t.Run(name, func(t *testing.T) {
			rate := 9_900.0
			s := &results.Search{RateRPS: &rate, LowerBound: c.bound,
				Limits: []results.SearchLimit{{Metric: "p99", LimitNs: 10_000_000}},
				Probes: []results.RateProbe{far, met, missed(c.change)}}
			switch name {
			case "nothing":
				s.Probes = s.Probes[1:]
			case "the generator, now and then":
				*s.Probes[0].ServerCPUPct, s.Probes[0].StealPct = 99, 0
			}
			word, reason := GaveWay(s, c.room)
			if word != c.want || !strings.Contains(reason, c.says) {
				t.Errorf("%s: %s; want %s, …%s…", word, reason, c.want, c.says)
			}
		})
	}
}

func TestUtilisation(t *testing.T) {
	at := func(at, total int64) results.CPUTime { return results.CPUTime{At: at, Total: total} }
	for name, c := range map[string]struct {
		before, after []results.CPUTime
		want          float64 // -1: not known
	}{
		"one process":    {[]results.CPUTime{at(0, 50)}, []results.CPUTime{at(100, 125)}, 75},
		"two of them":    {[]results.CPUTime{at(0, 0), at(0, 0)}, []results.CPUTime{at(100, 80), at(100, 90)}, 170},
		"none":           {nil, nil, -1},
		"one that ended": {[]results.CPUTime{at(0, 50)}, nil, -1},
		"no time":        {[]results.CPUTime{at(100, 50)}, []results.CPUTime{at(100, 50)}, -1},
	} {
		got := Utilisation(c.before, c.after)
		if (got == nil) != (c.want < 0) || got != nil && *got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestSharePct(t *testing.T) {
	if got := SharePct(10, 35, 100, 200); got != 25 {
		t.Errorf("%v, want 25", got)
	}
	for _, got := range []float64{SharePct(0, 1, 5, 5), SharePct(5, 1, 0, 9), SharePct(0, 0, 9, 1)} {
		if got != 0 {
			t.Errorf("%v where nothing is known", got)
		}
	}
}
