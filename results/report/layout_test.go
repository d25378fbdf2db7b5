// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ipcprobe/ipcprobe/results"
)

// checkText renders r and fails where a line is too wide or holds anything that
// acts on a terminal.
func checkText(t *testing.T, r *results.Result, s Style) string {
	t.Helper()
	var buf bytes.Buffer
	if err := Text(&buf, r, s); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(buf.String(), "\n") {
		checkLine(t, fmt.Sprintf("line %d", i+1), line, s.columns())
	}
	return buf.String()
}

func checkLine(t *testing.T, where, line string, columns int) {
	t.Helper()
	if n := cells(line); n > columns {
		t.Errorf("%s fills %d cells: %s", where, n, line)
	}
	if !utf8.ValidString(line) {
		t.Errorf("%s is no UTF-8", where)
	}
	if clean(line) != line {
		t.Errorf("%s holds what acts on a terminal: %q", where, line)
	}
}

func TestEveryLineFitsTheTerminal(t *testing.T) {
	for _, specimen := range specimens {
		for _, s := range []Style{{}, {Unicode: true}, {Unicode: true, Width: 64}, {Width: 100}, {Width: 1}, {Unicode: true, Width: 9999}} {
			t.Run(fmt.Sprintf("%s/%+v", specimen.name, s), func(t *testing.T) { checkText(t, specimen.make(), s) })
		}
	}
}

func TestColourChangesNothingButColour(t *testing.T) {
	var bare, coloured bytes.Buffer
	if err := Text(&bare, hostile(), Style{Unicode: true}); err != nil {
		t.Fatal(err)
	}
	if err := Text(&coloured, hostile(), Style{Unicode: true, Colour: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(bare.String(), "\x1b") {
		t.Error("an escape sequence without colour")
	}
	var stripped []string
	for _, line := range strings.Split(coloured.String(), "\n") {
		for _, code := range []string{"0", "1", "2", "32", "33", "1;31", "36", "34"} {
			line = strings.ReplaceAll(line, "\x1b["+code+"m", "")
		}
		stripped = append(stripped, strings.TrimRight(line, " "))
	}
	if got := strings.Join(stripped, "\n"); got != bare.String() {
		t.Errorf("the words differ:\n%s", got)
	}
}

func TestSectionsStandInTheOrderOfTheReport(t *testing.T) {
	whole := []string{"Verdict", "Throughput", "Response time", "Where a request", "System calls", "Upstream", "CPU", "What copies", "Memory", "Heap",
		"The probes", "What was lost", "Warnings"}
	others := []string{"Verdict", "Traffic", "Where a request", "System calls", "CPU", "What copies", "Memory", "The probes", "What was lost", "Warnings"}
	for _, specimen := range specimens {
		r := specimen.make()
		d, want := compose(r), whole
		if r.Traffic != nil {
			want = others
		}
		want = slices.DeleteFunc(slices.Clone(want), func(title string) bool {
			return title == "Upstream" && r.Upstream == nil || title == "What copies" && r.Copies == nil ||
				title == "Heap" && (r.Memory == nil || r.Memory.Heap == nil)
		})
		if len(d.sections) != len(want) {
			t.Fatalf("%s: %d sections", specimen.name, len(d.sections))
		}
		for i, s := range d.sections {
			if !strings.HasPrefix(s.title, want[i]) {
				t.Errorf("%s: section %d is %q", specimen.name, i, s.title)
			}
			if len(s.blocks) == 0 {
				t.Errorf("%s: %s says nothing", specimen.name, s.title)
			}
		}
	}
}

func TestAnInvalidMeasurementBeginsWithThatAndQuotesNoSpeed(t *testing.T) {
	both := late()
	both.Run.Partial, both.Run.EndedBy = true, "interrupted by SIGINT"
	for name, r := range map[string]*results.Result{"late": late(), "partial": partial(), "late and interrupted": both} {
		t.Run(name, func(t *testing.T) {
			r.Load.AchievedRPS = ptr(40_777.0) // must not be quoted even where somebody left it in
			text := checkText(t, r, Style{Unicode: true})
			verdict, rest, _ := strings.Cut(text, "Throughput –")
			first := strings.Split(verdict, "\n")[1]
			if !strings.Contains(first, "INVALID") {
				t.Errorf("first said: %s", first)
			}
			for _, figure := range []string{"requests/s", "within", "half are back", "40,8", "µs of"} {
				if strings.Contains(verdict, figure) {
					t.Errorf("the verdict holds %q:\n%s", figure, verdict)
				}
			}
			if name != "partial" && (strings.Contains(rest, "response time  ") || strings.Contains(text, "40,8")) {
				t.Errorf("speed is quoted:\n%s", rest)
			}
			if name == "partial" && !strings.Contains(rest, "until the run broke off at 3.2 s") {
				t.Error("what was measured isn't marked")
			}
		})
	}
}

func TestWhatWasNotMeasuredIsNotInvented(t *testing.T) {
	text := checkText(t, watched(), Style{Unicode: true})
	_, figures, _ := strings.Cut(text, "Throughput")
	if n := strings.Count(figures, "Not measured"); n != 8 {
		t.Errorf("%d sections are said to be not measured", n)
	}
	if strings.ContainsAny(figures, "0123456789") {
		t.Errorf("a figure was invented:\n%s", figures)
	}
}

func TestWritersErrorsComeBack(t *testing.T) {
	for name, write := range map[string]error{
		"text": Text(failing{}, healthy(), Style{}), "markdown": Markdown(failing{}, healthy()),
		"json": JSON(failing{}, healthy()), "doctor": Doctor(failing{}, []results.Check{{Name: "x"}}, Style{}),
		"load": LoadText(failing{}, healthy(), nil, Style{}),
	} {
		if write == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWrapBreaksAtSpacesAndNowhereElse(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		room int
		want string
	}{
		"nothing":        {"", 8, ""},
		"fits":           {"one two", 8, "one two"},
		"breaks":         {"one two three", 8, "one two|three"},
		"keeps units":    {"about 12\u00a0µs", 8, "about|12\u00a0µs"},
		"cuts long word": {"abcdefghijkl m", 5, "abcde|fghij|kl m"},
		"wide":           {"漢字漢字", 5, "漢字|漢字"},
		"wider than all": {"漢字", 1, "漢|字"},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for _, l := range wrap(say(c.in), c.room) {
				var s string
				for _, sp := range l {
					s += sp.text
				}
				lines = append(lines, s)
			}
			if got := strings.Join(lines, "|"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
