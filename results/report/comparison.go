// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// ComparisonText writes a comparison for a terminal. The error is the writer's.
func ComparisonText(w io.Writer, c *results.Comparison, s Style) error {
	return layText(w, composeComparison(c), s)
}

// ComparisonMarkdown writes it as Markdown, in the same order.
func ComparisonMarkdown(w io.Writer, c *results.Comparison) error {
	title := say("ipcprobe comparison: ").and(sideName(&c.B)).with(" against ").and(sideName(&c.A))
	return layMarkdown(w, title, composeComparison(c))
}

// ComparisonJSON writes comparison.json, as JSON writes result.json.
func ComparisonJSON(w io.Writer, c *results.Comparison) error {
	doc := *c
	doc.InvalidReasons, doc.Warnings = orEmpty(doc.InvalidReasons), orEmpty(doc.Warnings)
	doc.Metrics = orEmpty(doc.Metrics)
	doc.A.Command, doc.B.Command = orEmpty(doc.A.Command), orEmpty(doc.B.Command)
	doc.Environment.Placement.TargetCPUs = orEmpty(doc.Environment.Placement.TargetCPUs)
	doc.Environment.Placement.GeneratorCPUs = orEmpty(doc.Environment.Placement.GeneratorCPUs)
	return encode(w, "comparison", &doc)
}

func composeComparison(c *results.Comparison) document {
	d := document{sections: []section{
		comparisonVerdict(c), gatesSection(c), whySection(c), countersSection(c),
	}}
	if len(c.Differences) > 0 {
		d.sections = append(d.sections, differencesSection(c.Differences))
	}
	warnings := warningSection(&results.Result{Warnings: c.Warnings})
	d.sections = append(d.sections, warnings)
	kept := d.sections[:0]
	for _, s := range d.sections {
		if len(s.blocks) > 0 {
			kept = append(kept, s)
		}
	}
	d.sections = kept
	return d
}

// comparisonVerdict is the one in all, and what was compared.
func comparisonVerdict(c *results.Comparison) section {
	s := section{title: "Verdict"}
	if !c.Valid {
		s.blocks = append(s.blocks, invalidity(&results.Result{InvalidReasons: c.InvalidReasons})[:2]...)
	} else {
		t := sideName(&c.B).with(" against ").and(sideName(&c.A)).with(": ").
			and(in(mannerOf(c.Verdict), strings.ToUpper(string(c.Verdict)))).with(". " + sentence(c.Reason))
		s.blocks = append(s.blocks, paragraph{text: t})
	}
	if c.Prediction != nil {
		s.blocks = append(s.blocks, paragraph{text: prediction(c.Prediction)})
	}
	if len(c.Limits) > 0 {
		s.blocks = append(s.blocks, limits(&results.Result{Valid: c.Valid, Limits: c.Limits})...)
	}
	f := facts{{"a", sideText(&c.A)}, {"b", sideText(&c.B)}, {"machine", machineText(&c.Environment)}}
	if c.Load != nil {
		f = append(f, fact{"load", offeredText(c.Load)})
	}
	s.blocks = append(s.blocks, append(f, fact{"evidence", evidenceText(c)}))
	return s
}

func mannerOf(v results.Verdict) manner {
	switch v {
	case results.Regression:
		return bad
	case results.Improved, results.Pass:
		return good
	case results.Inconclusive:
		return warned
	}
	return faint
}

func prediction(p *results.Prediction) text {
	t := say("Predicted from A’s own samples, as requests that the same CPU time would serve: at most " +
		signed(p.HeadroomPct) + " without any copy, " + signed(p.BatchingPct) + " with all calls made one. Measured: ")
	if p.MeasuredPct == nil {
		return t.with("CPU a request is not known.")
	}
	t = t.and(in(strong, signed(*p.MeasuredPct))).with(".")
	if *p.MeasuredPct > max(p.HeadroomPct, p.BatchingPct) {
		t = t.with(" What goes beyond was neither copies nor calls.")
	}
	return t
}

func sideText(s *results.ComparisonSide) text {
	t := sideName(s)
	if len(s.Command) > 0 {
		t = t.with(": ").and(name(truncate(clean(commandLine(s.Command)), 120, "…")))
	}
	if s.CapacityRPS != nil {
		t = t.with(", closed loop " + unit(significant(*s.CapacityRPS), "requests/s"))
	}
	if s.Requests > 0 {
		t = t.with(", " + plural(s.Requests, "request"))
	}
	return t
}

func offeredText(l *results.Load) text {
	s := "closed loop, "
	if l.OfferedRPS != nil {
		s = unit(significant(*l.OfferedRPS), "requests/s") + arrivals(l) + ", "
	}
	return say(s + inFlight(l) + ", " + bytesize(float64(l.PayloadBytes)) + " of payload")
}

func evidenceText(c *results.Comparison) text {
	if c.Evidence == results.EvidenceRuns {
		return in(warned, "one stored run of each").with(": weaker than quads, which see also how one start of a program differs from the next (--a, --b)")
	}
	d := c.Design
	quads, nulls := 0, 0
	for _, o := range d.Order {
		if o == "AAAA" {
			nulls++
		} else {
			quads++
		}
	}
	return say(fmt.Sprintf("%d quads of four slices of ", quads)).with(elapsed(d.SliceNs)).
		with(fmt.Sprintf(", %d of A against itself, seed %d; %d also probed", nulls, d.Seed, d.Probed))
}

// gatesSection is the table of what decides.
func gatesSection(c *results.Comparison) section {
	s := section{title: "What decides"}
	t := table{columns: []col{
		{title: "metric"}, {title: "A", right: true}, {title: "B", right: true},
		{title: "change", right: true}, {title: "95 % interval", right: true}, {title: "verdict"},
		{title: "floor", right: true, dispensable: 1},
	}}
	most := 0.0
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if !m.Gated {
			continue
		}
		floor := dash
		if m.FloorPct != nil {
			floor = percent(*m.FloorPct)
		}
		most = math.Max(most, m.MarginPct)
		t.rows = append(t.rows, []text{
			say(titleOf(m)), say(figure(m, m.A)), say(figure(m, m.B)), in(strong, change(m.ChangePct)),
			say(changeInterval(m.IntervalPct)), in(mannerOf(m.Verdict), string(m.Verdict)), say(floor),
		})
	}
	if len(t.rows) == 0 {
		s.blocks = append(s.blocks, absent("no gated metric is in both"))
		return s
	}
	s.blocks = append(s.blocks, t, paragraph{note: true, text: say(marginNote(c))})
	return s
}

func marginNote(c *results.Comparison) string {
	var words []string
	for i := range c.Metrics {
		if m := &c.Metrics[i]; m.Gated {
			words = append(words, fmt.Sprintf("%s %g%c%%", titleOf(m), m.MarginPct, nbsp))
		}
	}
	note := "Margins within which worse still passes: " + strings.Join(words, ", ") + "."
	if c.Evidence == results.EvidenceQuads {
		return note + " A and B are medians of the quads; the change is Hodges and Lehmann’s; the floor is what A against itself shows."
	}
	return note
}

// whySection puts counters beside the times that changed.
func whySection(c *results.Comparison) section {
	s := section{title: "Why"}
	list := items{}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if !m.Gated || m.Explanation == "" || m.ChangePct == nil {
			continue
		}
		t := in(strong, titleOf(m)+" "+change(m.ChangePct))
		if m.IntervalPct != nil {
			t = t.with(" [" + bare(m.IntervalPct[0]) + ", " + bare(m.IntervalPct[1]) + "]")
		}
		list = append(list, t.with(": "+m.Explanation))
	}
	if len(list) > 0 {
		s.blocks = append(s.blocks, list)
	}
	return s
}

// countersSection is the table of everything that decides nothing.
func countersSection(c *results.Comparison) section {
	s := section{title: "Beside it"}
	t := table{columns: []col{
		{title: "metric", flexible: true}, {title: "A", right: true}, {title: "B", right: true},
		{title: "change", right: true}, {title: "95 % interval", right: true},
	}}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if m.Gated || m.A == nil || m.B == nil || *m.A == 0 && *m.B == 0 {
			continue
		}
		shown, ends := change(m.ChangePct), changeInterval(m.IntervalPct)
		if *m.A == 0 || *m.B == 0 {
			shown, ends = dash, dash
		}
		t.rows = append(t.rows, []text{
			say(titleOf(m)), say(figure(m, m.A)), say(figure(m, m.B)), say(shown), say(ends),
		})
	}
	if len(t.rows) > 0 {
		s.blocks = append(s.blocks, t)
	}
	return s
}

func differencesSection(list []results.RunDifference) section {
	t := table{columns: []col{{title: "what differs"}, {title: "A", flexible: true}, {title: "B", flexible: true}}}
	for _, d := range list {
		t.rows = append(t.rows, []text{say(d.What), name(clean(d.A)), name(clean(d.B))})
	}
	return section{title: "Compared by force", blocks: []block{
		paragraph{text: in(warned, "These are different measurements; the changes need not be of the builds.")}, t,
	}}
}

// titles are those names that say too little, in a table's width.
var titles = map[string]string{
	"cpu_per_request": "CPU a request", "syscalls": "calls a request",
	"context_switches": "switches a request", "page_faults": "faults a request",
}

// titleOf words a metric's name.
func titleOf(m *results.MetricChange) string {
	n := strings.ReplaceAll(m.Name, "p99_9", "p99.9")
	for prefix, suffix := range map[string]string{"calls.": " a request", "bytes_per_call.": "", "leg.": ", mean"} {
		if rest, ok := strings.CutPrefix(n, prefix); ok {
			if prefix == "bytes_per_call." {
				return "bytes a " + clean(rest)
			}
			if prefix == "leg." {
				rest = strings.ReplaceAll(rest, "_", " ")
			}
			return clean(rest) + suffix
		}
	}
	if words, ok := titles[n]; ok {
		return words
	}
	return clean(strings.ReplaceAll(n, "_", " "))
}

func figure(m *results.MetricChange, x *float64) string {
	if x == nil {
		return dash
	}
	switch m.Unit {
	case "ns":
		return duration(*x)
	case "requests/s":
		return unit(significant(*x), "/s")
	case "bytes":
		return bytesize(*x)
	}
	return significant(*x)
}

// change formats a percentage with its sign.
func change(x *float64) string {
	if x == nil {
		return dash
	}
	return signed(*x)
}

func signed(x float64) string { return unit(bare(x), "%") }

// bare is the figure of a change, with its sign and no unit: two digits, one after
// the point below 10.
func bare(x float64) string {
	decimals := 0
	if math.Abs(x) < 9.95 {
		decimals = 1
	}
	s := decimal(math.Abs(x), decimals)
	switch {
	case strings.Trim(s, "0.") == "":
		return s
	case x < 0:
		return "−" + s
	}
	return "+" + s
}

func changeInterval(ends *[2]float64) string {
	if ends == nil {
		return dash
	}
	return bare(ends[0]) + " … " + bare(ends[1])
}

func sideName(s *results.ComparisonSide) text { return name(truncate(clean(s.Name), 40, "…")) }
