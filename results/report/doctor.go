// SPDX-License-Identifier: Apache-2.0

package report

import (
	"io"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// Doctor writes what this machine allows, hook by hook: what works, and of what
// doesn't, what it needs, what the system said and what to do. It ends with
// what that means for a run. The error is the writer's.
func Doctor(w io.Writer, checks []results.Check, s Style) error {
	sec := section{title: "What a measurement needs"}
	t := table{columns: []col{{title: "hook", flexible: true}, {title: "state"}, {title: "needs", flexible: true}}}
	for _, c := range checks {
		t.rows = append(t.rows, []text{name(c.Name), state(c), say(c.Needs)})
	}
	var d document
	if len(t.rows) > 0 {
		sec.blocks = append(sec.blocks, t)
		d.sections = append(d.sections, sec)
	}
	for _, alike := range ailments(checks) {
		d.sections = append(d.sections, ailment(alike))
	}
	d.sections = append(d.sections, section{title: "Outcome", blocks: []block{paragraph{text: outcome(checks)}}})
	return layText(w, d, s)
}

func state(c results.Check) text {
	switch {
	case c.Works:
		return in(good, "✓ works")
	case c.Required:
		return in(bad, "✗ missing")
	}
	return in(warned, "– missing")
}

// ailments gathers the checks that failed in the same way.
func ailments(checks []results.Check) [][]results.Check {
	var out [][]results.Check
next:
	for _, c := range checks {
		if c.Works {
			continue
		}
		for i, alike := range out {
			if a := alike[0]; a.Detail == c.Detail && a.Remedy == c.Remedy && a.Required == c.Required {
				out[i] = append(alike, c)
				continue next
			}
		}
		out = append(out, []results.Check{c})
	}
	return out
}

// ailment tells all about checks that failed in the same way.
func ailment(alike []results.Check) section {
	c, list := alike[0], facts{}
	title := truncate(clean(c.Name), 44, "…")
	if more := len(alike) - 1; more > 0 {
		title = truncate(clean(c.Name), 32, "…") + " and " + count(int64(more)) + " more"
		var names []string
		for _, a := range alike {
			names = append(names, lost(a))
		}
		list = append(list, fact{"these", say(strings.Join(names, ", "))})
	} else {
		if c.Needs != "" {
			list = append(list, fact{"needs", say(c.Needs)})
		}
		if c.Gives != "" {
			list = append(list, fact{"costs", say(c.Gives)})
		}
	}
	if c.Detail != "" {
		list = append(list, fact{"found", say(c.Detail)})
	}
	if c.Remedy != "" {
		list = append(list, fact{"do", in(strong, c.Remedy)})
	}
	without := "a run does without"
	if c.Required {
		without = "a run can’t do its whole job without"
	}
	return section{title: title, remark: without, blocks: []block{list}}
}

// lost names a check, and what a run has not without it.
func lost(c results.Check) string {
	if c.Gives == "" {
		return clean(c.Name)
	}
	return clean(c.Name) + " (" + clean(c.Gives) + ")"
}

func outcome(checks []results.Check) text {
	var required, optional int
	for _, c := range checks {
		switch {
		case c.Works:
		case c.Required:
			required++
		default:
			optional++
		}
	}
	switch {
	case len(checks) == 0:
		return in(bad, "Nothing was checked.")
	case required > 0:
		return in(bad, "ipcprobe run can’t do its whole job here: ").
			with(plural(int64(required), "required check") + " failed. ipcprobe load needs none of them.")
	case optional > 0:
		return in(good, "ipcprobe run can do its whole job here").
			with("; " + plural(int64(optional), "optional check") + " failed.")
	}
	return in(good, "ipcprobe run can do its whole job here.")
}
