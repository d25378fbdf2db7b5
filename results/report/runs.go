// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"io"
	"path"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// RunLine is one stored run in a list.
type RunLine struct {
	Name      string   `json:"name"` // of the folder
	StartedAt string   `json:"started_at,omitempty"`
	Target    string   `json:"target,omitempty"`
	RPS       *float64 `json:"achieved_rps,omitempty"`
	P50       *int64   `json:"p50,omitempty"`
	P99       *int64   `json:"p99,omitempty"`
	State     string   `json:"state"`           // "valid", "invalid", "partial", "unreadable"
	Why       string   `json:"error,omitempty"` // of an unreadable one
}

// RunLineOf makes the line of a run, or of one that could not be read.
func RunLineOf(folder string, r *results.Result, err error) RunLine {
	l := RunLine{Name: folder}
	if err != nil {
		l.State, l.Why = "unreadable", err.Error()
		return l
	}
	l.StartedAt, l.State = r.Run.StartedAt, "valid"
	if r.Target.Executable != "" {
		l.Target = path.Base(strings.TrimSuffix(r.Target.Executable, " (deleted)"))
	}
	switch {
	case !r.Valid:
		l.State = "invalid"
	case r.Run.Partial:
		l.State = "partial"
	}
	if r.Load != nil {
		l.RPS = r.Load.AchievedRPS
	}
	if r.Latency != nil && r.Latency.ResponseTime != nil && r.Valid {
		l.P50, l.P99 = r.Latency.ResponseTime.P50, r.Latency.ResponseTime.P99
	}
	return l
}

// RunsText writes the list for a terminal, and below it why runs can't be read. The
// error is the writer's.
func RunsText(w io.Writer, lines []RunLine, s Style) error {
	t := table{columns: []col{
		{title: "run", flexible: true}, {title: "began", most: 20, dispensable: 1}, {title: "target", flexible: true, dispensable: 2},
		{title: "requests/s", right: true}, {title: "p50", right: true}, {title: "p99", right: true}, {title: ""},
	}}
	var broken items
	for _, l := range lines {
		rps := dash
		if l.RPS != nil {
			rps = significant(*l.RPS)
		}
		state := in(faint, l.State)
		switch l.State {
		case "invalid", "partial":
			state = in(warned, l.State)
		case "unreadable":
			state = in(bad, l.State)
			broken = append(broken, name(clean(l.Name)).with(": "+clean(l.Why)))
		}
		t.rows = append(t.rows, []text{
			name(clean(l.Name)), say(clean(l.StartedAt)), name(clean(l.Target)),
			say(rps), say(quantile(l.P50)), say(quantile(l.P99)), state,
		})
	}
	out := bufio.NewWriter(w)
	for _, line := range tableLines(t, s, s.columns()) {
		out.WriteString(s.line(line) + "\n")
	}
	if len(broken) > 0 {
		out.WriteByte('\n')
		for _, line := range itemLines(broken, s, s.columns()) {
			out.WriteString(s.line(line) + "\n")
		}
	}
	return out.Flush()
}
