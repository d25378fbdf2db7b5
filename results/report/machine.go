// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// maxFunctions is the number of functions that a report names.
const maxFunctions = 10

// cpuSection says what the target spent, and where.
func cpuSection(r *results.Result) section {
	s := section{title: "CPU", remark: remark(r)}
	c := r.CPU
	if c == nil {
		s.blocks = []block{absent(explained(r))}
		return s
	}
	list := facts{{"utilisation", utilisation(c)}}
	if c.NsPerRequest > 0 {
		list = append(list, fact{"per request", say(duration(c.NsPerRequest) + " of CPU time")})
	}
	if c.Samples > 0 {
		list = append(list, fact{"samples", say(count(c.Samples) + "; " + percent(c.CompleteStacksPct) +
			" whole stacks, " + percent(c.OwnProgramsPct) + " in ipcprobe’s own programs")})
	}
	if c.CompleteStacksPct < wholeEnough {
		list = append(list, cuts(c)...)
	}
	s.blocks = []block{list}
	if len(c.ByRate) > 1 {
		s.blocks = append(s.blocks, byRate(c.ByRate))
	}
	if len(c.Top) == 0 {
		why := "Functions were not measured."
		if c.Samples > 0 {
			why = "The samples name no function."
		}
		s.blocks = append(s.blocks, paragraph{text: in(faint, why)})
		return s
	}
	s.blocks = append(s.blocks, functions(c.Top))
	if words := nameless(c.Top); words != "" {
		s.blocks = append(s.blocks, paragraph{note: true, text: say(words)})
	}
	return s
}

// nameless explains names that are none: of objects whose symbols are gone.
func nameless(top []results.Function) string {
	var objects []string
	for _, f := range top[:min(len(top), maxFunctions)] {
		if strings.HasPrefix(f.Function, f.Object+"!fn_0x") && !slices.Contains(objects, f.Object) {
			objects = append(objects, f.Object)
		}
	}
	if len(objects) == 0 {
		return ""
	}
	for i := range objects {
		objects[i] = truncate(clean(objects[i]), 40, "…")
	}
	return strings.Join(objects, ", ") + ": no symbols. “fn_0x…” is a function by the address where its unwind information begins."
}

// wholeEnough is the percentage of whole stacks above which nobody need ask why
// the others are not.
const wholeEnough = 99

// cuts says why stacks are not whole, most samples first.
func cuts(c *results.CPU) facts {
	reasons := slices.SortedFunc(maps.Keys(c.CutStacks), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.CutStacks[b], c.CutStacks[a]), cmp.Compare(a, b))
	})
	var list facts
	for i, reason := range reasons {
		name := "cut at"
		if i > 0 {
			name = ""
		}
		list = append(list, fact{name, say(reason + ": " + percent(100*float64(c.CutStacks[reason])/float64(c.Samples)))})
	}
	if c.UnwindCoveragePct != nil {
		list = append(list, fact{"unwind tables", say("for " + percent(*c.UnwindCoveragePct) + " of the target’s code")})
	}
	return list
}

func utilisation(c *results.CPU) text {
	t := in(strong, percent(c.UtilisationPct)).with(" of one core")
	split := c.UserPct + c.KernelPct
	if !(split > 0) {
		return t
	}
	shares := apportion(100, []float64{c.UserPct, c.KernelPct}, split)
	return t.with("; " + rough(float64(shares[0])) + " of it user, " + rough(float64(shares[1])) + " kernel")
}

// byRate is the table of what the target spent at different rates.
func byRate(points []results.RatePoint) table {
	t := table{columns: []col{{title: "requests/s", right: true}, {title: "of one core", right: true},
		{title: "CPU time a request", right: true}}}
	for _, p := range points {
		each := dash
		if p.NsPerRequest != nil {
			each = duration(*p.NsPerRequest)
		}
		t.rows = append(t.rows, row(significant(p.RPS), percent(p.UtilisationPct), each))
	}
	return t
}

// functions is the table of the hottest functions.
func functions(all []results.Function) table {
	top := slices.Clone(all)
	slices.SortStableFunc(top, func(a, b results.Function) int { return cmp.Compare(b.SelfPct, a.SelfPct) })
	top = top[:min(len(top), maxFunctions)]
	digits := len(count(int64(len(top))))
	t := table{columns: []col{
		{title: strings.Repeat(" ", digits+2) + "function", flexible: true}, {title: "self", right: true},
		{title: "with callees", right: true, dispensable: 2}, {title: "in", flexible: true, most: 18, dispensable: 1},
	}}
	for i, f := range top {
		place := count(int64(i + 1))
		number := say(strings.Repeat(nbspace, digits-len(place)) + place + "." + nbspace)
		t.rows = append(t.rows, []text{number.and(name(f.Function)), say(rough(f.SelfPct)),
			say(rough(f.TotalPct)), name(f.Object)})
	}
	return t
}
