// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/limit"
)

// suiteKinds are the phases in their order. Throughput is first: the others' rate
// must be one that the server can bear.
var suiteKinds = []results.SuiteKind{results.SuiteThroughput, results.SuiteLatency, results.SuiteMemory, results.SuiteCPU}

// quickHeap is how long the heap phase of a quick suite may take, for the whole to
// stay under two minutes.
const quickHeap = 40 * time.Second

// suiteTargets are the limits of a baseline that the user changes nothing of.
const suiteTargets = "throughput>5000,p99<10ms,rss<50MB,cpu<30%"

// answeredBy says which phase's figures a limit is judged on.
var answeredBy = map[string]results.SuiteKind{
	"throughput": results.SuiteThroughput,
	"rss":        results.SuiteMemory, "rss_final": results.SuiteMemory, "rss_growth": results.SuiteMemory,
	"leak": results.SuiteMemory, "faults_per_request": results.SuiteMemory,
	"cpu": results.SuiteCPU, "cpu_per_request": results.SuiteCPU, "syscalls_per_request": results.SuiteCPU,
}

// rulesOf are the limits that a phase answers: the user's, and the targets on what
// the user doesn't limit.
func (o *suiteOptions) rulesOf(kind results.SuiteKind) []limit.Rule {
	var targets limit.Flag
	_ = targets.Set(suiteTargets) // TestTheTargetsOfASuiteAreLimits reads it
	rules := slices.Clone(o.run.memory.limits.Rules)
	for _, t := range targets.Rules {
		if !slices.ContainsFunc(rules, func(r limit.Rule) bool { return r.Metric == t.Metric }) {
			rules = append(rules, t)
		}
	}
	return slices.DeleteFunc(rules, func(r limit.Rule) bool {
		by, named := answeredBy[r.Metric]
		if !named {
			by = results.SuiteLatency
		}
		return by != kind
	})
}

// phase is the run that answers a question, at rate where it is a fixed one.
func (o *suiteOptions) phase(kind results.SuiteKind, rate float64) *runOptions {
	run, options := o.run, *o.run.load
	run.load = &options
	run.name = o.run.name + "-" + string(kind)
	run.out = filepath.Join(o.parent, run.name)
	run.format = "text" // the phase itself prints nothing
	run.durationSet = true
	run.memory.limits = limit.Flag{Rules: o.rulesOf(kind)}
	options.Duration = o.lengthOf(kind)
	options.Rate = rateText(rate)
	if kind == results.SuiteThroughput {
		options.Rate = "max"
	}
	if run.heap = kind == results.SuiteMemory; !run.heap {
		run.heapRequests, run.allocator = 0, ""
	}
	run.heapLongest = o.short
	if o.short == 0 && o.quick {
		run.heapLongest = quickHeap
	}
	return &run
}

// lengthOf is how long a phase measures, without its warm-up. At 2,500 requests a
// second, half of them in bare slices, 18 s hold enough for a p99.9.
func (o *suiteOptions) lengthOf(kind results.SuiteKind) time.Duration {
	switch {
	case o.short > 0:
		return o.short
	case kind == results.SuiteThroughput:
		return o.length
	case kind == results.SuiteLatency && o.quick:
		return 18 * time.Second
	case kind == results.SuiteLatency:
		return 30 * time.Second
	case o.quick:
		return 8 * time.Second
	}
	return 30 * time.Second
}

// bearable is the part of what a server answered at most that a fixed rate may be:
// above it the queue grows, and one would measure the queue.
const bearable = 0.6

// fixedRate is the rate of the later phases: the one asked for, or what the server
// can bear where that is less.
func (o *suiteOptions) fixedRate(s *results.Suite) float64 {
	if len(s.Phases) == 0 {
		return o.rate
	}
	l := s.Phases[0].Result.Load
	if l == nil || l.AchievedRPS == nil || bearable**l.AchievedRPS >= o.rate {
		return o.rate
	}
	return max(1, float64(int64(bearable**l.AchievedRPS)))
}

// judged judges the limits of a phase. What a server takes of the CPU for fewer
// requests than were asked for doesn't show that it stays below a limit for all of
// them.
func (o *suiteOptions) judged(p *results.SuitePhase) *results.SuitePhase {
	r := p.Result
	r.Limits = limit.Judge(o.rulesOf(p.Kind), r)
	if p.Kind == results.SuiteThroughput || r.Load == nil || r.Load.OfferedRPS == nil {
		return p
	}
	if offered := *r.Load.OfferedRPS; !results.Reaches(offered, o.rate) {
		r.Warn(fmt.Sprintf("measured at %.0f requests/s, not at %.0f: that is %.0f %% of what the server answered at most in the throughput phase",
			offered, o.rate, 100*bearable))
	}
	answered := r.Load.AchievedRPS
	if answered == nil || results.Reaches(*answered, o.rate) {
		return p
	}
	for i := range r.Limits {
		if l := &r.Limits[i]; l.Metric == "cpu" && l.Met && strings.HasPrefix(l.Bound, "<") {
			l.Reason = fmt.Sprintf("%.3g %% of a core is what the server took for %.0f requests/s, not for the %.0f asked for", *l.Measured, *answered, o.rate)
			l.Measured, l.Met = nil, false
		}
	}
	return p
}

func rateText(rate float64) string { return strconv.FormatFloat(rate, 'f', -1, 64) }

// suiteLoadFlags are the flags of a load that a suite doesn't decide itself.
func suiteLoadFlags(to *pflag.FlagSet) *load.Options {
	all := pflag.NewFlagSet("load", pflag.ContinueOnError)
	o := load.Flags(all)
	decided := []string{"rate", "duration", "requests", "think", "batch"}
	all.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(decided, f.Name) {
			to.AddFlag(f)
		}
	})
	return o
}
