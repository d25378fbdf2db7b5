// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strconv"

	"github.com/ipcprobe/ipcprobe/results"
)

// composeTraffic makes the document of a run without a load of ours: what only a
// client of ours could know has no section.
func composeTraffic(r *results.Result) document {
	sections := []section{
		verdictSection(r),
		trafficSection(r),
		flowSection(r),
		syscallSection(r),
	}
	if r.Upstream != nil {
		sections = append(sections, upstreamSection(r))
	}
	return document{sections: append(sections,
		cpuSection(r),
		memorySection(r),
		overheadSection(r),
		lossSection(r),
		warningSection(r),
	)}
}

// trafficSpeed is the first sentence of the verdict.
func trafficSpeed(r *results.Result) text {
	t := r.Traffic
	if t.AnswersRPS == nil {
		return say("How fast ").and(subjectName(r)).with(" is was not measured.")
	}
	switch {
	case t.Answers == 0 && *t.AnswersRPS > 0:
		return subjectName(r).with(" sends ").and(in(strong, unit(significant(*t.AnswersRPS), "times/s"))).
			with(" to others’ clients, but never while the probes were on: no more is known of it.")
	case t.Answers == 0:
		return subjectName(r).with(" was watched for ").with(elapsed(r.Run.DurationNs)).with("; nobody was seen to use its Unix sockets.")
	}
	s := subjectName(r).with(" answers ").and(in(strong, unit(significant(*t.AnswersRPS), "requests/s"))).
		with(" of others’ clients on " + plural(t.Connections.Seen, "connection"))
	if l := r.Legs; l != nil && l.ServiceTime != nil && l.ServiceTime.P50 != nil {
		s = s.with("; half are served within ").and(in(strong, quantile(l.ServiceTime.P50)))
		if l.ServiceTime.P99 != nil {
			s = s.with(", 99" + string(nbsp) + "% within ").and(in(strong, quantile(l.ServiceTime.P99)))
		}
		if l.QueueWait != nil && l.QueueWait.P50 != nil {
			s = s.with(", after a wait of ").and(in(strong, quantile(l.QueueWait.P50))).with(" in the median")
			if l.QueueWait.P99 != nil {
				s = s.with(" and ").and(in(strong, quantile(l.QueueWait.P99))).with(" at the 99th percentile")
			}
		}
	}
	return s.with(".")
}

// trafficMadeOf says what the mean time of a request at the server is made of.
func trafficMadeOf(r *results.Result) text {
	l := r.Legs
	if l == nil || l.ServiceTime == nil {
		return say("Where its time goes is not known: no request could be timed.")
	}
	var parts []leg
	if l.QueueWait != nil {
		parts = append(parts, leg{noun: "queue wait", dist: l.QueueWait})
	}
	service := flowLegs(l)[len(flowLegs(l))-1]
	for _, part := range service.parts {
		parts = append(parts, leg{noun: "service, " + part.name, dist: part.dist})
	}
	if len(service.parts) == 0 {
		parts = append(parts, leg{noun: "service time", dist: l.ServiceTime})
	}
	total, best := 0.0, leg{}
	for _, part := range parts {
		total += part.dist.Mean
		if best.dist == nil || part.dist.Mean > best.dist.Mean {
			best = part
		}
	}
	if total <= 0 {
		return say("It takes no time that could be measured.")
	}
	share := strconv.Itoa(int(100*best.dist.Mean/total + 0.5))
	return say("Of the mean " + duration(total) + " from a request’s arrival to its answer, most is ").
		and(in(strong, best.noun)).with(" (" + unit(share, "%") + ").")
}

// trafficSection says what was seen of others' clients.
func trafficSection(r *results.Result) section {
	t := r.Traffic
	s := section{title: "Traffic", remark: remark(r)}
	rate := in(warned, "not quoted, the measurement is invalid")
	if t.AnswersRPS != nil && !withheld(r) {
		rate = in(strong, unit(significant(*t.AnswersRPS), "requests/s")).with(", of clients that are not ours")
	}
	list := facts{{"answered", rate}, {"connections", connectionsText(t.Connections)}}
	if t.Answers > 0 {
		list = append(list,
			fact{"a request", say(bytesize(t.BytesInPerAnswer) + " in " + unit(each(t.ReceivesPerAnswer), "receives"))},
			fact{"an answer", say(bytesize(t.BytesOutPerAnswer) + " in " + unit(each(t.SendsPerAnswer), "sends"))},
			fact{"timed", in(strong, nearly(t.TimedPct)).with(" of " + plural(t.Answers, "answer") + " in probed slices")})
	}
	if sum(t.Untimed) > 0 {
		list = append(list, fact{"not timed", tallyText(t.Untimed, plain)})
	}
	if t.Backlog != nil {
		list = append(list, fact{"backlog", backlogText(t.Backlog, "at most ")})
	}
	s.blocks = []block{list}
	return s
}

func connectionsText(c results.TrafficConnections) text {
	t := say(count(c.Seen) + " seen at work")
	switch {
	case c.Seen == 0:
		return in(faint, "none seen at work")
	case c.Pipelined == 0 && c.Streamed == 0:
		return t.with(", all with one request at a time")
	}
	if c.Pipelined > 0 {
		t = t.with(", ").and(in(warned, count(c.Pipelined)+" sent more before they were answered"))
	}
	if c.Streamed > 0 {
		t = t.with(", ").and(in(warned, count(c.Streamed)+" with answers that pause"))
	}
	return t
}

func backlogText(b *results.Backlog, most string) text {
	limit := ""
	if b.WaitingLimit > 0 {
		limit = " of " + count(b.WaitingLimit)
	}
	return say(most + count(b.Waiting) + limit + " waiting to be accepted; " + bytesize(float64(b.QueuedBytes)) +
		" unread on " + plural(b.QueuedConnections, "connection"))
}

// flowLegs are the legs that a server's own side knows.
func flowLegs(l *results.Legs) []leg {
	var legs []leg
	for _, leg := range legsOf(l) {
		if leg.dist != nil && (leg.dist == l.QueueWait || leg.dist == l.ServiceTime) {
			legs = append(legs, leg)
		}
	}
	return legs
}

// flowSection is the table of what is known of a request's time from the server's
// side. Its shares are of the legs' means together.
func flowSection(r *results.Result) section {
	s := section{title: "Where a request’s time goes, at the server", remark: remark(r)}
	if r.Legs == nil || r.Legs.ServiceTime == nil {
		s.blocks = []block{absent("no request could be timed")}
		return s
	}
	legs := flowLegs(r.Legs)
	total := results.Distribution{}
	means := make([]float64, len(legs))
	for i, leg := range legs {
		means[i] = leg.dist.Mean
		total.Mean += leg.dist.Mean
	}
	t := table{columns: []col{
		{title: "leg"}, {title: "mean", right: true}, {title: "share", right: true},
		{bar: 18, dispensable: 1}, {title: "p50", right: true}, {title: "p99", right: true}, {title: "max", right: true},
	}}
	printedTotal, printed := column(total.Mean, means)
	for i, permille := range apportion(1000, means, total.Mean) {
		leg := legs[i]
		t.permille = append(t.permille, permille)
		t.rows = append(t.rows, []text{say(leg.name), say(printed[i]), say(unit(decimal(float64(permille)/10, 1), "%")),
			nil, say(quantile(leg.dist.P50)), say(quantile(leg.dist.P99)), say(duration(float64(leg.dist.Max)))})
		for _, part := range leg.parts {
			if part.dist.Max == 0 {
				continue // it never happened
			}
			t.permille = append(t.permille, 0)
			t.rows = append(t.rows, append(partRow(part, &total), in(faint, duration(float64(part.dist.Max)))))
		}
	}
	t.total = row("together", printedTotal, unit("100.0", "%"), "", dash, dash, dash)
	service := r.Legs.ServiceTime
	s.blocks = []block{t}
	if n := tooFew(service, "p50", "p99"); n != "" {
		s.blocks = append(s.blocks, paragraph{note: true, text: say(n)})
	}
	s.blocks = append(s.blocks, paragraph{note: true, text: say("Of " + count(service.Count) +
		" requests in probed slices. Percentiles are exact to 3" + string(nbsp) + "%, means exactly.")})
	return s
}
