// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// looked is a look at busy traffic.
func looked() Watched {
	r := othersClients()
	l := &results.Look{
		At: "2026-11-24T10:00:07Z", ElapsedNs: 67e9, DurationNs: 1e9, ProbedNs: 152e6,
		Traffic: r.Traffic, Legs: r.Legs, Syscalls: r.Syscalls, CPU: r.CPU, RSSBytes: 13 << 20, Cost: ptr(2.4), Loss: &results.Loss{Seen: 10, Emitted: 10, Reconciled: true},
	}
	return Watched{Target: r.Target, Look: l, Legs: r.Legs, Calls: r.Syscalls, Span: time.Duration(l.ProbedNs), Budget: 3, Keys: true, Rows: 24,
		Warning: "2 of 50 connections sent more before they were answered. Which answer belongs to which request can't be told there"}
}

// blind is a look at which nothing was measured.
func blind() Watched {
	return Watched{Target: results.Target{PID: 1}, Look: &results.Look{}}
}

// strange is one whose names and figures are as bad as they can be.
func strange() Watched {
	r, w := hostile(), looked()
	w.Target, w.Calls, w.Warning = r.Target, r.Syscalls, r.Warnings[0]
	w.Look.At = r.Run.StartedAt
	big := huge()
	w.Legs, w.Look.CPU, w.Age = big.Legs, big.CPU, time.Hour
	w.Look.Loss = &results.Loss{Lost: 1 << 60}
	return w
}

var looks = map[string]func() Watched{"busy": looked, "blind": blind, "strange": strange}

func TestAScreenFitsTheTerminal(t *testing.T) {
	for name, look := range looks {
		for _, rows := range []int{0, 5, 24, 50} {
			for _, s := range []Style{{}, {Unicode: true}, {Unicode: true, Width: 64}, {Width: 200}} {
				t.Run(fmt.Sprintf("%s/%d rows/%+v", name, rows, s), func(t *testing.T) {
					w := look()
					w.Rows = rows
					lines := Screen(w, s)
					most := rows
					if rows == 0 {
						most = 24
					}
					if len(lines) > most || rows == 24 && len(lines) < 20 {
						t.Errorf("%d lines for %d rows", len(lines), rows)
					}
					for i, line := range lines {
						checkLine(t, fmt.Sprintf("line %d", i+1), line, s.columns())
					}
				})
			}
		}
	}
}

func TestScreensAreAsTheirGoldens(t *testing.T) {
	for name, look := range looks {
		golden(t, "screen-"+name+".txt", func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(Screen(look(), Style{Unicode: true}), "\n")+"\n")
			return err
		})
	}
}

func TestALineOfAWatchStandsBelowItsHead(t *testing.T) {
	for name, look := range looks {
		for _, s := range []Style{{}, {Unicode: true}} {
			line := WatchLine(look().Look, s)
			checkLine(t, name, line, 80)
			if cells(line) != cells(WatchHead()) {
				t.Errorf("%s: %d cells below a head of %d:\n%s\n%s", name, cells(line), cells(WatchHead()), WatchHead(), line)
			}
		}
	}
	line := WatchLine(looked().Look, Style{Unicode: true})
	for _, want := range []string{"10:00:07", "148,000", "20.1 µs", "6.80 µs", "97.2 %"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is not in %q", want, line)
		}
	}
}

func TestALookIsALineOfJSON(t *testing.T) {
	for name, look := range looks {
		var out bytes.Buffer
		if err := LookJSON(&out, look().Look); err != nil {
			t.Fatal(err)
		}
		if strings.Count(out.String(), "\n") != 1 || !strings.HasSuffix(out.String(), "\n") {
			t.Errorf("%s: no line: %q", name, out.String())
		}
		var back results.Look
		if err := json.Unmarshal(out.Bytes(), &back); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALossIsAsBadAsItsShare(t *testing.T) {
	const many = 1_000_000
	for _, tt := range []struct {
		loss results.Loss
		want string
	}{
		{results.Loss{Reconciled: true}, "; nothing lost"},
		{results.Loss{Reconciled: true, Lost: 1, Programs: []results.ProgramLoss{{Emitted: many, Lost: 1}}}, "; \x1b[33m1 event lost"},
		{results.Loss{Reconciled: true, Lost: many, Programs: []results.ProgramLoss{{Emitted: many, Lost: many}}}, "; \x1b[1;31m1,000,000 events lost"},
		{results.Loss{}, "; \x1b[1;31m0 events lost"},
	} {
		w := looked()
		w.Look.Loss = &tt.loss
		s := Style{Colour: true, Width: 100}
		if got := s.line(s.settle(probesText(w))); !strings.Contains(got, tt.want) {
			t.Errorf("%+v is said as %q, want %q", tt.loss, got, tt.want)
		}
	}
}

// What was seen before stays on the screen when nothing is probed for a while.
func TestCallsStayWhereNothingIsProbed(t *testing.T) {
	w := looked()
	w.Look.ProbedNs, w.Age = 0, 3*time.Second
	screen := strings.Join(Screen(w, Style{}), "\n")
	if !strings.Contains(screen, w.Calls[0].Name) || !strings.Contains(screen, "figures of 3") {
		t.Errorf("%s is gone from\n%s", w.Calls[0].Name, screen)
	}
}
