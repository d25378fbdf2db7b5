// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/ipcprobe/ipcprobe/results"
)

// overheadSection says what the probes themselves cost.
func overheadSection(r *results.Result) section {
	s := section{title: "The probes’ own cost", remark: remark(r)}
	o := r.Overhead
	if o == nil {
		reason := unprobed(r)
		switch {
		case !hasSlices(r, results.Probed):
		case !hasSlices(r, results.Bare):
			reason = "there is no bare slice to compare with"
		case reason == "":
			reason = "too few neighbouring slices"
		}
		s.blocks = []block{absent(reason)}
		return s
	}
	var list facts
	throughputInterval, cpuInterval := o.Interval, o.CPUInterval
	if o.Quoted == "cpu" {
		throughputInterval, cpuInterval = nil, o.Interval
	}
	if o.ThroughputPct != nil {
		list = append(list, fact{"throughput", cost("fell by ", *o.ThroughputPct, throughputInterval)})
	}
	if o.CPUPct != nil {
		list = append(list, fact{"CPU a request", cost("rose by ", *o.CPUPct, cpuInterval)})
	}
	if len(list) == 0 {
		list = append(list, fact{"cost", in(faint, "not measured: too few neighbouring slices")})
	}
	list = append(list, fact{"probed", say(percent(o.ProbedSharePct) + " of the time, compared over " +
		plural(int64(o.Pairs), "pair") + " of neighbours")})
	s.blocks = []block{list}
	if len(o.Programs) > 0 {
		note := "ns/run: the program’s body alone."
		switch {
		case !hasSlices(r, results.Bare):
		case r.Traffic != nil:
			note += " In the bare slices one program counted the server’s sends, and nothing else ran."
		default:
			note += " Speed above was measured without probes."
		}
		s.blocks = append(s.blocks, programs(o.Programs), paragraph{note: true, text: say(note)})
	}
	return s
}

// cost words a change in percent and its interval.
func cost(verb string, pct float64, interval *[2]float64) text {
	t := say(verb).and(in(strong, unit(decimal(pct, 1), "%")))
	if interval == nil {
		return t
	}
	lo, hi := interval[0], interval[1]
	t = t.with(fmt.Sprintf(" (95%c%% interval %s to %s)", nbsp, unit(decimal(lo, 1), "%"), unit(decimal(hi, 1), "%")))
	if lo <= 0 && hi >= 0 {
		t = t.with(", not distinguishable from none")
	}
	return t
}

func programs(all []results.ProgramCost) table {
	t := table{columns: []col{{title: "program", flexible: true}, {title: "runs", right: true},
		{title: "ns/run", right: true}}}
	for _, p := range all {
		t.rows = append(t.rows, []text{name(p.Name), say(short(float64(p.Runs))), say(each(p.NsPerRun))})
	}
	return t
}

// lossSection accounts for every event and every request of the probed slices.
func lossSection(r *results.Result) section {
	s := section{title: "What was lost", remark: remark(r)}
	if r.Loss == nil && r.Join == nil {
		s.blocks = []block{absent(unprobed(r))}
		return s
	}
	var list facts
	if l := r.Loss; l != nil {
		list = append(list, fact{"events", eventsText(l)}, fact{"account", accountText(l)})
	} else {
		list = append(list, fact{"events", in(faint, "not measured")})
	}
	switch {
	case r.Join != nil:
		list = append(list, joinFacts(r.Join)...)
	case r.Traffic == nil:
		list = append(list, fact{"joined", in(faint, "not measured")})
	}
	s.blocks = []block{list}
	if r.Loss != nil {
		if t, any := losers(r.Loss.Programs); any {
			s.blocks = append(s.blocks, t)
		}
	}
	return s
}

func eventsText(l *results.Loss) text {
	t := say(ucount(l.Seen) + " seen = " + ucount(l.Emitted) + " emitted + " + ucount(l.Filtered) + " filtered + ")
	m := plain
	if l.Lost > 0 {
		m = warned
	}
	return t.and(in(m, ucount(l.Lost)+" lost"))
}

func accountText(l *results.Loss) text {
	var t text
	if l.Reconciled {
		t = in(good, "reconciled")
	} else {
		t = in(bad, "NOT reconciled: the account doesn’t add up")
	}
	if l.Dropped > 0 {
		return t.with(", ").and(in(warned, ucount(l.Dropped)+" dropped by ipcprobe"))
	}
	return t.with(", none dropped by ipcprobe")
}

func joinFacts(j *results.Join) facts {
	matched := in(strong, nearly(j.MatchedPct)).with(" of " + plural(j.Requests, "request") + " matched")
	switch {
	case j.Requests == 0:
		matched = in(faint, "no request lay wholly inside a probed slice")
	case j.Matched == 0:
		matched = in(bad, "none of "+plural(j.Requests, "request")+" matched")
	}
	list := facts{{"joined", matched}}
	if sum(j.Unmatched) > 0 {
		list = append(list, fact{"unmatched", tallyText(j.Unmatched, plain)})
	}
	if j.Matched == 0 {
		return list
	}
	t := say("none for " + count(j.Identity) + " of " + count(j.Matched) + " matched requests")
	if j.Residual != nil {
		t = t.with("; p50 " + quantile(j.Residual.P50) + ", p99 " + quantile(j.Residual.P99))
	}
	return append(list, fact{"residual", t})
}

// losers is the table of the programs that lost events.
func losers(all []results.ProgramLoss) (table, bool) {
	t := table{columns: []col{{title: "program that lost", flexible: true}, {title: "seen", right: true},
		{title: "emitted", right: true}, {title: "filtered", right: true}, {title: "lost", right: true}}}
	for _, p := range all {
		if p.Lost > 0 {
			t.rows = append(t.rows, []text{name(p.Name), say(short(float64(p.Seen))), say(short(float64(p.Emitted))),
				say(short(float64(p.Filtered))), in(warned, short(float64(p.Lost)))})
		}
	}
	return t, len(t.rows) > 0
}
