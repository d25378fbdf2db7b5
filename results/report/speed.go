// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// throughputSection says what was offered and what came back.
func throughputSection(r *results.Result) section {
	s := section{title: "Throughput", remark: remark(r)}
	if r.Load == nil {
		s.blocks = []block{absent("no load of ours ran")}
		return s
	}
	list := facts{{"answered", answered(r)}}
	list = append(list, loadFacts(r.Load, nil)...)
	if r.Target.NATS != nil {
		list = append(list, fact{"NATS", natsText(r.Target.NATS)})
	}
	s.blocks = append([]block{list}, kindBlocks(r)...)
	return s
}

func answered(r *results.Result) text {
	l := r.Load
	switch {
	case withheld(r):
		return in(warned, "not quoted, the measurement is invalid")
	case l.AchievedRPS != nil:
		if l.AchievedRange == nil {
			return in(strong, unit(significant(*l.AchievedRPS), "requests/s"))
		}
		point, lo, hi := interval(*l.AchievedRPS, *l.AchievedRange, 1)
		return in(strong, unit(point, "requests/s")).
			with(" (95" + string(nbsp) + "% interval " + lo + string(nbsp) + "–" + string(nbsp) + hi + ")")
	}
	if rate, ok := bareRate(r.Run.Slices); ok {
		return say(unit(significant(rate), "requests/s") + " in the bare slices that were finished")
	}
	return in(faint, "not measured")
}

// bareRate is the mean rate of the finished bare slices.
func bareRate(all []results.RunSlice) (rate float64, ok bool) {
	var requests, ns int64
	for _, s := range all {
		if s.Mode == results.Bare.String() && s.DurationNs > 0 {
			requests += s.Requests
			ns += s.DurationNs
		}
	}
	if ns == 0 {
		return 0, false
	}
	return float64(requests) / (float64(ns) / 1e9), true
}

// loadFacts describes the load and what became of its requests. causes splits
// the failed ones further, by what the client saw; nil when that isn't known.
func loadFacts(l *results.Load, causes map[string]int64) facts {
	how := "as fast as the answers come (closed loop)"
	if l.OfferedRPS != nil {
		how = unit(significant(*l.OfferedRPS), "requests/s") + " (open loop"
		how += arrivals(l) + ")"
	}
	payload := exactsize(int64(l.PayloadBytes)) + " of payload a request"
	if len(l.Kinds) > 1 {
		payload += " in the mean"
	}
	out := facts{
		{"offered", say(how)},
		{"load", say(inFlight(l) + ", " + payload)},
		{"requests", requestsText(l.Requests)},
	}
	if len(causes) > 0 {
		out = append(out, fact{"errors", tallyText(causes, plain)})
	}
	return append(out, fact{"generator", say(rough(l.GeneratorCPUPct) + " of one core")})
}

// natsText compares what the reference gateway says it published with what
// arrived, from the gateway's start to its end.
func natsText(n *results.NATS) text {
	t := say(count(n.Published) + " published, ")
	m := good
	if n.Received != n.Published {
		m = warned
	}
	return t.and(in(m, count(n.Received)+" received")).with(", " + count(n.Answered) + " answered (warm-up included)")
}

// arrivals words the schedule of an open loop.
func arrivals(l *results.Load) string {
	switch l.Arrivals {
	case "":
		return ""
	case "poisson":
		return ", Poisson arrivals"
	}
	return ", " + truncate(clean(l.Arrivals), 24, "…") + " arrivals"
}

// requestsText accounts for every request that was sent.
func requestsText(c results.Counts) text {
	t := say(count(c.Sent) + " sent: " + count(c.OK) + " answered")
	for _, f := range []struct {
		n    int64
		what string
		m    manner
	}{
		{c.Error, "answered with an error", warned},
		{c.Timeout, "timed out", warned},
		{c.Broken, "broken off", warned},
		{c.Censored, "unfinished at the end", plain},
	} {
		if f.n > 0 {
			t = t.with(", ").and(in(f.m, count(f.n)+" "+f.what))
		}
	}
	if c.Failed() == 0 {
		t = t.with(", ").and(in(good, "none failed"))
	}
	return t
}

// tallyText lists counts by name, largest first.
func tallyText(tally map[string]int64, m manner) text {
	var t text
	for i, k := range byCount(tally) {
		if i > 0 {
			t = t.with(", ")
		}
		t = t.and(say(count(tally[k])+string(nbsp)), in(m, truncate(clean(k), 40, "…")))
	}
	return t
}

// latencySection shows the client's percentiles and draws their histogram.
func latencySection(r *results.Result) section {
	s := section{title: "Response time and round trip", remark: remark(r)}
	l := r.Latency
	if l == nil {
		reason := "no request was answered"
		if r.Load == nil {
			reason = "no load of ours ran"
		}
		s.blocks = []block{absent(reason)}
		return s
	}
	open := r.Load != nil && r.Load.OfferedRPS != nil
	s.blocks = latencyBlocks(l, open, withheld(r))
	return s
}

// latencyBlocks shows percentiles and histogram; of an untrustworthy
// measurement only the send lag, which says how late the client was.
func latencyBlocks(l *results.Latency, open, hidden bool) []block {
	t := table{columns: []col{
		{}, {title: "p50", right: true}, {title: "p90", right: true}, {title: "p95", right: true},
		{title: "p99", right: true}, {title: "p99.9", right: true},
		{title: "mean", right: true, dispensable: 1}, {title: "max", right: true},
	}}
	var notes []string
	add := func(label string, d *results.Distribution) {
		if d == nil {
			return
		}
		t.rows = append(t.rows, row(label, quantile(d.P50), quantile(d.P90), quantile(d.P95),
			quantile(d.P99), quantile(d.P999), duration(d.Mean), duration(float64(d.Max))))
		if n := tooFew(d); n != "" && !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	if !hidden {
		add("response time", l.ResponseTime)
		add("round trip", l.RoundTrip)
		if hidesStall(l) {
			add("closed loop’s view", l.ClosedLoop)
		}
	}
	add("send lag", l.SendLag)
	var out []block
	if hidden {
		out = append(out, paragraph{text: in(warned, "Not quoted, the measurement is invalid.")})
	}
	if len(t.rows) > 0 {
		out = append(out, t)
	} else if !hidden {
		return append(out, absent("no request was answered"))
	}
	for _, n := range notes {
		out = append(out, paragraph{text: say(n), note: true})
	}
	if hidden {
		return out
	}
	if n := intervalNote(l); n != "" {
		out = append(out, paragraph{text: say(n), note: true})
	}
	if open {
		out = append(out, paragraph{note: true, text: say("Response time counts from the moment " +
			"a request was due, round trip from its send.")})
	}
	if hidesStall(l) {
		out = append(out, paragraph{text: say("The load kept asking while the server was slow: p99 " +
			duration(float64(*l.ResponseTime.P99)) + ". A closed loop asks only when it has its answer, and " +
			"would have seen " + duration(float64(*l.ClosedLoop.P99)) + ": the requests that were due while it waited, it never sends. " +
			"Its view here: the round trips of requests sent while their connection owed no other answer.")})
	}
	if b := draw(l); len(b) > 0 {
		out = append(out, b)
	}
	return out
}

// hidesStall says that a closed loop would have missed half of the response time's
// p99: most who waited did so behind others.
func hidesStall(l *results.Latency) bool {
	return l.ClosedLoop != nil && l.ClosedLoop.P99 != nil && l.ResponseTime != nil && l.ResponseTime.P99 != nil &&
		*l.ClosedLoop.P99 <= *l.ResponseTime.P99/2
}

// tooFew explains the dashes among the named percentiles of a row; without names
// among all that are shown.
func tooFew(d *results.Distribution, shown ...string) string {
	var missing []string
	for _, q := range quantiles(d) {
		if q.value == nil && (len(shown) == 0 || slices.Contains(shown, q.name)) {
			missing = append(missing, q.name)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return dash + " " + tooFewOf(d.Count) + " for " + listing(missing) + "."
}

// tooFewOf says that requests are too few.
func tooFewOf(n int64) string {
	if n == 1 {
		return plural(n, "request") + " is too few"
	}
	return plural(n, "request") + " are too few"
}

type namedQuantile struct {
	name  string
	value *int64
}

// quantiles are the percentiles that a report shows.
func quantiles(d *results.Distribution) []namedQuantile {
	return []namedQuantile{{"p50", d.P50}, {"p90", d.P90}, {"p95", d.P95}, {"p99", d.P99}, {"p99.9", d.P999}}
}

func intervalNote(l *results.Latency) string {
	var parts []string
	if l.P50Interval != nil {
		parts = append(parts, "p50 "+span95(*l.P50Interval))
	}
	if l.P99Interval != nil {
		parts = append(parts, "p99 "+span95(*l.P99Interval))
	}
	if len(parts) == 0 {
		return ""
	}
	return "95" + string(nbsp) + "% intervals of response time: " + strings.Join(parts, "; ") + "."
}

// span95 words an interval of durations.
func span95(ends [2]float64) string {
	name, scale := scaleOf(ends[1])
	_, lo, hi := interval(ends[0], ends, scale)
	return unit(lo+string(nbsp)+"–"+string(nbsp)+hi, name)
}
