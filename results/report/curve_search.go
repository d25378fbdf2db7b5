// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// SearchText writes what a search found, as `ipcprobe load --search` shows it:
// the rate with its interval, what gave way, and each probe. The error is the
// writer's.
func SearchText(w io.Writer, r *results.Result, s Style) error {
	verdict := section{title: "Verdict"}
	if !r.Valid {
		verdict.blocks = searchInvalid(r)
	}
	verdict.blocks = append(verdict.blocks, paragraph{text: foundText(r.Search)})
	if r.Search.GaveWay != results.GaveNothing {
		verdict.blocks = append(verdict.blocks, paragraph{text: in(strong, "What gave way: "+gaveWords(r.Search.GaveWay)+".").
			with(" " + sentence(clean(r.Search.Reason)))})
	}
	if r.Run.Partial {
		verdict.blocks = append(verdict.blocks, paragraph{text: broke(r, "The figures are of that time.")})
	}
	verdict.blocks = append(verdict.blocks, searchFacts(r))
	return layText(w, document{sections: []section{verdict, probeSection(r.Search), warningSection(r)}}, s)
}

// searchInvalid is why a search's answer is none. Its probes are shown: what met
// the limits has met them.
func searchInvalid(r *results.Result) []block {
	list := make(items, 0, len(r.InvalidReasons))
	for _, reason := range r.InvalidReasons {
		list = append(list, in(bad, sentence(reason)))
	}
	return []block{paragraph{text: in(bad, "This measurement is INVALID.").with(" Don’t quote it as the server’s capacity.")}, list}
}

func foundText(s *results.Search) text {
	what := limitsText(s.Limits)
	if s.RateRPS == nil {
		return in(strong, "No rate is known at which the server keeps "+what+".").with(" " + sentence(s.EndedBy))
	}
	rate, low, high := significant(*s.RateRPS), "", ""
	if s.Interval != nil {
		rate, low, high = interval(*s.RateRPS, *s.Interval, 1)
	}
	t := say("The server keeps " + what + " up to ")
	if s.LowerBound {
		t = say("The server keeps " + what + " up to at least ")
	}
	t = t.and(in(strong, unit(rate, "requests/s")))
	if s.Interval != nil && !s.LowerBound {
		t = t.with(" (95" + string(nbsp) + "% interval " + low + string(nbsp) + "–" + string(nbsp) + high + ")")
	}
	return t.with(".")
}

func limitsText(limits []results.SearchLimit) string {
	words := make([]string, len(limits))
	for i, l := range limits {
		words[i] = strings.ReplaceAll(clean(l.Metric), "_", ".") + string(nbsp) + "<" + string(nbsp) + duration(float64(l.LimitNs))
	}
	return strings.Join(words, " and ")
}

// gaveWords names what gave way.
func gaveWords(word string) string {
	return map[string]string{
		results.GaveServerCPU: "the server’s CPU",
		results.GaveQueue:     "the server’s queue",
		results.GaveUpstream:  "what the server waits for",
		results.GaveGenerator: "the load generator",
		results.GaveMachine:   "the machine",
		results.GaveErrors:    "the answers",
		results.GaveUnknown:   "the server",
	}[word]
}

func searchFacts(r *results.Result) facts {
	return facts{
		{"server", targetText(r)},
		{"machine", machineText(&r.Environment)},
		{"probes", say(plural(int64(len(r.Search.Probes)), "probe") + " in " + elapsed(r.Run.DurationNs) + "; ended because " + clean(r.Search.EndedBy))},
		{"closed loop", say(unit(significant(r.Search.ClosedRPS), "requests/s") + " before the search")},
	}
}

// probeSection lists the probes by rising rate.
func probeSection(s *results.Search) section {
	sec := section{title: "Probes, by rate"}
	if len(s.Probes) == 0 {
		sec.blocks = []block{absent(s.EndedBy)}
		return sec
	}
	byRate := slices.Clone(s.Probes)
	slices.SortStableFunc(byRate, func(a, b results.RateProbe) int { return cmp.Compare(a.OfferedRPS, b.OfferedRPS) })
	t := table{columns: append(rateColumns(), col{title: "outcome", flexible: true, most: 24})}
	for i := range byRate {
		t.rows = append(t.rows, append(rateRow(&byRate[i]), outcomeText(&byRate[i])))
	}
	sec.blocks = []block{t}
	if slices.ContainsFunc(s.Probes, func(p results.RateProbe) bool { return p.Outcome == results.ProbeLate }) {
		sec.blocks = append(sec.blocks, paragraph{note: true,
			text: say("late: the load generator itself was behind its schedule; that is not held against the server.")})
	}
	return sec
}

func outcomeText(p *results.RateProbe) text {
	switch p.Outcome {
	case results.ProbeMet:
		return in(good, "met")
	case results.ProbeMissed:
		return in(warned, "missed "+strings.ReplaceAll(clean(p.Note), "_", "."))
	case results.ProbeLate:
		return in(faint, "late")
	case results.ProbeDied:
		return in(bad, clean(p.Note))
	}
	return in(faint, "")
}

// rateColumns are what a search and a curve show of each rate.
func rateColumns() []col {
	return []col{
		{title: "offered/s", right: true}, {title: "answered/s", right: true},
		{title: "p50", right: true}, {title: "p99", right: true}, {title: "p99.9", right: true, dispensable: 2},
		{title: "server CPU", right: true}, {title: "generator", right: true, dispensable: 3},
	}
}

func rateRow(p *results.RateProbe) []text {
	server := dash
	if p.ServerCPUPct != nil {
		server = rough(*p.ServerCPUPct)
	}
	return row(short(p.OfferedRPS), short(p.AchievedRPS), quantile(p.P50), quantile(p.P99), quantile(p.P999),
		server, rough(p.GeneratorCPUPct))
}
