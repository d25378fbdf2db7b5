// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"io"
	"path"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// Baseline writes NAME_baseline.md: the targets with what was measured, a block
// for each phase, what dominates a request's time, and what it was measured on.
// The error is the writer's.
func Baseline(w io.Writer, s *results.Suite) error {
	out := bufio.NewWriter(w)
	out.WriteString("# " + markup(name(s.Name)) + " baseline\n")
	for _, sec := range baseline(s) {
		out.WriteString("\n## " + markup(say(sec.title)) + "\n")
		for _, b := range sec.blocks {
			out.WriteString("\n" + markdownBlock(b))
		}
		for i := range s.Phases {
			if sec.title == phasesTitle {
				out.WriteString("\n```text\n" + strings.ReplaceAll(strings.Join(suiteLines(&s.Phases[i], Style{Unicode: true}), "\n"), "```", "'''") + "\n```\n")
			}
		}
	}
	return out.Flush()
}

// SuiteText writes the targets and what dominates, for a terminal; the blocks have
// been printed as their phases ended. The error is the writer's.
func SuiteText(w io.Writer, s *results.Suite, style Style) error {
	d := document{}
	for _, sec := range baseline(s) {
		if sec.title != phasesTitle {
			d.sections = append(d.sections, sec)
		}
	}
	return layText(w, d, style)
}

const phasesTitle = "Measurements"

func baseline(s *results.Suite) []section {
	sections := []section{targetsSection(s), {title: phasesTitle}}
	if dominant := suiteDominant(s); dominant != nil {
		sections = append(sections, section{title: "What dominates", blocks: []block{paragraph{text: dominant}}})
	}
	sections = append(sections, conditions(s))
	var warnings items
	seen := map[string]bool{}
	for i := range s.Phases {
		p := &s.Phases[i]
		for _, w := range p.Result.Warnings {
			if !seen[w] {
				warnings = append(warnings, say(string(p.Kind)+": ").and(in(warned, w)))
			}
			seen[w] = true
		}
	}
	if len(warnings) > 0 {
		sections = append(sections, section{title: "Warnings", blocks: []block{warnings}})
	}
	return sections
}

// targetsSection is the table of the limits of all phases.
func targetsSection(s *results.Suite) section {
	t := table{columns: []col{{title: "target", flexible: true}, {title: "asked for", right: true},
		{title: "measured", right: true}, {title: "outcome"}, {title: "by"}}}
	var why items
	for i := range s.Phases {
		p := &s.Phases[i]
		for _, b := range limits(p.Result) {
			switch b := b.(type) {
			case table:
				for _, r := range b.rows {
					t.rows = append(t.rows, append(r, say(string(p.Kind))))
				}
			case items:
				for _, reason := range b {
					why = append(why, say(string(p.Kind)+": ").and(reason))
				}
			}
		}
	}
	out := section{title: "Targets", blocks: []block{t}}
	if len(t.rows) == 0 {
		out.blocks = []block{paragraph{text: say("None was asked for.")}}
	}
	if len(why) > 0 {
		out.blocks = append(out.blocks, why)
	}
	return out
}

// suiteDominant says what a request's time is made of: from the phase at a fixed
// rate, as a queue that a closed loop keeps full says little.
func suiteDominant(s *results.Suite) text {
	for _, kind := range []results.SuiteKind{results.SuiteLatency, results.SuiteCPU, results.SuiteThroughput} {
		for i := range s.Phases {
			if r := s.Phases[i].Result; s.Phases[i].Kind == kind && r.Valid && whole(r.Legs) {
				return verdict(r)
			}
		}
	}
	return nil
}

// conditions are the machine, the target and the commands.
func conditions(s *results.Suite) section {
	var list facts
	for i := range s.Phases {
		r := s.Phases[i].Result
		if i == 0 {
			list = append(list, fact{"machine", machineText(&r.Environment)}, fact{"target", targetText(r)},
				fact{"command", name(commandLine(s.Command))})
		}
		list = append(list, fact{string(s.Phases[i].Kind), runText(r).with("; in ").and(name(path.Base(s.Phases[i].Folder)))})
	}
	return section{title: "Measured on", blocks: []block{list}}
}
