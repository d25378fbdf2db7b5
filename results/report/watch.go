// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// Watched is what a screen shows beside the latest look.
type Watched struct {
	Target  results.Target
	Look    *results.Look
	Legs    *results.Legs     // of the latest interval that had any; nil: none had
	Calls   []results.Syscall // likewise
	Span    time.Duration     // how long the probes were on in the interval of Calls
	Age     time.Duration     // how long ago the latest of both was taken
	Budget  float64           // percent
	Keys    bool              // q quits; else only a signal does
	Rows    int               // of the terminal; 0: 24
	Warning string            // what the user should know most
}

// leastRows is the smallest screen that is laid out; a smaller one is cut.
const leastRows = 20

// Screen is the picture of a watch: at most Rows lines, none wider than the
// terminal, without the ends of lines that a terminal in raw mode would want.
func Screen(w Watched, s Style) []string {
	rows := w.Rows
	if rows <= 0 {
		rows = 24
	}
	top := screenTop(w)
	bottom := screenBottom(w, s)
	calls := callLines(w, s, max(leastRows, rows)-len(top.lines(s))-len(bottom)-1)
	var lines []string
	for _, l := range append(append(top.lines(s), calls...), bottom...) {
		lines = append(lines, s.line(cutCell(l, s.columns(), s)))
	}
	return lines[:min(rows, len(lines))]
}

// lineBlocks are blocks set one below the other.
type lineBlocks []block

func (all lineBlocks) lines(s Style) []text {
	var out []text
	for _, b := range all {
		if b == nil {
			out = append(out, nil)
			continue
		}
		// What does not fit is cut, and not wrapped: the picture must stand still.
		switch b := b.(type) {
		case facts:
			out = append(out, factLines(b, s, 1<<10)...)
		case paragraph:
			out = append(out, s.settle(b.text))
		default:
			out = append(out, blockLines(b, s)...)
		}
	}
	return out
}

func screenTop(w Watched) lineBlocks {
	l := w.Look
	title := in(strong, "ipcprobe watch").with("  ").and(subjectName(&results.Result{Target: w.Target})).
		with(fmt.Sprintf(", pid%c%d, ", nbsp, w.Target.PID)).and(name(truncateFront(clean(w.Target.Socket), 24, "…")))
	title = in(faint, clock(time.Duration(l.ElapsedNs))).with("  ").and(title)
	list := facts{{"rate", rateText(l)}, {"connections", openText(l)}}
	return lineBlocks{paragraph{text: title}, nil, list, nil, legTable(w), serviceFacts(w), nil}
}

func rateText(l *results.Look) text {
	t := l.Traffic
	if t == nil || t.AnswersRPS == nil {
		return in(faint, "not known")
	}
	out := in(strong, unit(significant(*t.AnswersRPS), "requests/s"))
	if t.Answers > 0 {
		out = out.with("; " + bytesize(t.BytesInPerAnswer) + " in, " + bytesize(t.BytesOutPerAnswer) + " out a request")
	}
	return out
}

func openText(l *results.Look) text {
	if l.Traffic == nil {
		return in(faint, "not known")
	}
	var t text
	if b := l.Traffic.Backlog; b != nil {
		t = say(count(b.Connections) + " open; ")
	}
	c := l.Traffic.Connections
	switch {
	case c.Pipelined > 0 && c.Streamed > 0:
		return t.and(in(warned, count(c.Pipelined)+" of "+count(c.Seen)+" pipelined, "+count(c.Streamed)+" streamed"))
	case c.Pipelined > 0:
		return t.and(in(warned, count(c.Pipelined)+" of "+count(c.Seen)+" pipelined, so not timed"))
	case c.Streamed > 0:
		return t.and(in(warned, count(c.Streamed)+" of "+count(c.Seen)+" streamed, so not timed"))
	}
	return t.and(connectionsText(c))
}

// legTable shows what is known of a request's time at the server.
func legTable(w Watched) block {
	t := table{columns: []col{
		{title: "leg"}, {title: "mean", right: true}, {title: "p50", right: true}, {title: "p90", right: true},
		{title: "p99", right: true}, {title: "p99.9", right: true}, {title: "max", right: true},
	}}
	for _, leg := range []struct {
		name string
		of   func(*results.Legs) *results.Distribution
	}{
		{"queue wait", func(l *results.Legs) *results.Distribution { return l.QueueWait }},
		{"service time", func(l *results.Legs) *results.Distribution { return l.ServiceTime }},
	} {
		var d *results.Distribution
		if w.Legs != nil {
			d = leg.of(w.Legs)
		}
		if d == nil {
			t.rows = append(t.rows, row(leg.name, dash, dash, dash, dash, dash, dash))
			continue
		}
		t.rows = append(t.rows, row(leg.name, duration(d.Mean), quantile(d.P50), quantile(d.P90), quantile(d.P99),
			quantile(d.P999), duration(float64(d.Max))))
	}
	return t
}

// serviceFacts split the service time, and say what the target spends.
func serviceFacts(w Watched) block {
	list := facts{{"service is", in(faint, "not known")}, {"CPU", in(faint, "not known")}}
	if w.Legs != nil && w.Legs.ServiceTime != nil {
		for _, leg := range flowLegs(w.Legs) {
			if leg.dist == w.Legs.ServiceTime && len(leg.parts) > 0 {
				list[0].text = partsText(leg)
			}
		}
	}
	if c := w.Look.CPU; c != nil {
		list[1].text = utilisation(c)
		if c.NsPerRequest > 0 {
			list[1].text = list[1].text.with("; " + duration(c.NsPerRequest) + " a request")
		}
	}
	return list
}

// partsText gives a leg's parts in percent of it.
func partsText(l leg) text {
	means := make([]float64, len(l.parts))
	sum := 0.0
	for i, part := range l.parts {
		means[i] = part.dist.Mean
		sum += part.dist.Mean
	}
	var words []string
	for i, share := range apportion(100, means, sum) {
		if share > 0 {
			words = append(words, unit(count(share), "%")+" "+strings.TrimPrefix(l.parts[i].name, "on CPU, "))
		}
	}
	return say(strings.Join(words, ", "))
}

// callLines are the hottest calls, as many as there is room for.
func callLines(w Watched, s Style, room int) []text {
	t := table{columns: []col{
		{title: "call", flexible: true}, {title: "calls/s", right: true}, {title: "/request", right: true},
		{title: "bytes/call", right: true, dispensable: 1}, {title: "of a core", right: true},
		{title: "p50", right: true}, {title: "p99", right: true}, {title: "errors", right: true},
	}}
	seconds := w.Span.Seconds()
	if len(w.Calls) == 0 || seconds <= 0 {
		return make([]text, max(0, room))
	}
	for i := range w.Calls[:min(len(w.Calls), max(0, room-2))] {
		c := w.Calls[i]
		cells := syscallRow(c)
		cells[1] = say(short(float64(c.Calls) / seconds))
		cells[4] = say(percent(float64(c.TotalNs) / 1e7 / seconds))
		t.rows = append(t.rows, cells)
	}
	lines := tableLines(t, s, s.columns()-2)
	for len(lines) < room {
		lines = append(lines, nil)
	}
	return lines
}

func screenBottom(w Watched, s Style) []text {
	l := w.Look
	var list facts
	if t := l.Traffic; t != nil && t.Backlog != nil {
		list = append(list, fact{"backlog", backlogText(t.Backlog, "")})
	}
	list = append(list, fact{"memory", say(bytesize(float64(l.RSSBytes)) + " resident")},
		fact{"probes", probesText(w)})
	lines := lineBlocks{list}.lines(s)
	if w.Warning != "" {
		lines = append(lines, cutCell(s.settle(in(warned, w.Warning)), s.columns(), s))
	}
	quit := "Ctrl-C quits"
	if w.Keys {
		quit = "q quits"
	}
	return append(lines, s.settle(in(faint, quit)))
}

// probesText says what looking costs and what it missed.
func probesText(w Watched) text {
	l := w.Look
	t := say("on for " + rough(100*float64(l.ProbedNs)/float64(max(1, l.DurationNs))) + " of the time")
	if l.Cost != nil {
		t = t.with(" at " + percent(*l.Cost) + " of a core (budget " + rough(w.Budget) + ")")
	}
	if w.Age > 0 {
		t = t.with("; figures of " + elapsed(w.Age.Nanoseconds()) + " ago")
	}
	if l.Loss == nil {
		return t
	}
	switch lost := plural(int64(l.Loss.Lost), "event") + " lost"; {
	case !l.Loss.Reconciled, !l.Loss.Bearable():
		return t.with("; ").and(in(bad, lost))
	case l.Loss.Lost > 0:
		return t.with("; ").and(in(warned, lost))
	}
	return t.with("; nothing lost")
}

// WatchHead is the head of the lines that WatchLine writes.
func WatchHead() string {
	return "time      requests/s  queue p50       p99  service p50       p99    CPU   lost"
}

// WatchLine is one look as a line for where there is no terminal to draw on; it
// has 80 columns at most in plain ASCII.
func WatchLine(l *results.Look, s Style) string {
	cell := func(n int, value string) string { return left(truncate(s.fit(value), n, ""), n) }
	at := l.At
	if parsed, err := time.Parse(time.RFC3339, l.At); err == nil {
		at = parsed.UTC().Format(time.TimeOnly)
	}
	rate, cpu, lost := dash, dash, dash
	if l.Traffic != nil && l.Traffic.AnswersRPS != nil {
		rate = significant(*l.Traffic.AnswersRPS)
	}
	if l.CPU != nil {
		cpu = percent(l.CPU.UtilisationPct)
	}
	if l.Loss != nil {
		lost = ucount(l.Loss.Lost)
	}
	quantiles := func(d *results.Distribution) (p50, p99 string) {
		if d == nil {
			return dash, dash
		}
		return quantile(d.P50), quantile(d.P99)
	}
	legs := l.Legs
	if legs == nil {
		legs = &results.Legs{}
	}
	q50, q99 := quantiles(legs.QueueWait)
	s50, s99 := quantiles(legs.ServiceTime)
	line := right(truncate(clean(at), 8, ""), 8) + cell(12, rate) + cell(11, q50) + cell(10, q99) + cell(13, s50) + cell(10, s99) + cell(7, cpu) + cell(7, lost)
	return strings.ReplaceAll(line, nbspace, " ")
}

// LookJSON writes one look as a line of JSON.
func LookJSON(w io.Writer, l *results.Look) error {
	line := *l
	if line.Traffic != nil {
		t := *line.Traffic
		t.Untimed = orNone(t.Untimed)
		line.Traffic = &t
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&line); err != nil {
		return fmt.Errorf("encode a look: %w", err)
	}
	if _, err := w.Write(results.QuietJSON(out.Bytes())); err != nil {
		return fmt.Errorf("write a look: %w", err)
	}
	return nil
}
