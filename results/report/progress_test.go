// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	whole := Progress{Phase: "measuring", Elapsed: 12 * time.Second, Total: 30 * time.Second, Rate: 41_312, P99: ptr(int64(155_000)), Terminal: true}
	for name, c := range map[string]struct {
		change func(*Progress)
		want   string
	}{
		"whole":       {func(*Progress) {}, "━━━━────── 12 s / 30 s  measuring   41,300 requests/s  p99 155 µs   no errors"},
		"errors":      {func(p *Progress) { p.Errors = 1 }, "━━━━────── 12 s / 30 s  measuring   41,300 requests/s  p99 155 µs   1 error"},
		"open end":    {func(p *Progress) { p.Total = 0 }, "12 s  measuring   41,300 requests/s  p99 155 µs   no errors"},
		"few answers": {func(p *Progress) { p.P99, p.Rate = nil, 3 }, "━━━━────── 12 s / 30 s  measuring     3.00 requests/s  p99 –        no errors"},
		"overdue":     {func(p *Progress) { p.Elapsed = 31 * time.Second }, "━━━━━━━━━━ 31 s / 30 s  measuring   41,300 requests/s  p99 155 µs   no errors"},
	} {
		t.Run(name, func(t *testing.T) {
			p := whole
			c.change(&p)
			if got := p.Line(Style{Unicode: true}); got != "\r"+c.want+"\x1b[K" {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestProgressIsSilentWhereNobodyLooks(t *testing.T) {
	for name, p := range map[string]Progress{"no terminal": {}, "quiet": {Terminal: true, Quiet: true}} {
		if p.Line(Style{}) != "" || p.Clear() != "" {
			t.Errorf("%s: %q %q", name, p.Line(Style{}), p.Clear())
		}
	}
	if got := (Progress{Terminal: true}).Clear(); got != "\r\x1b[K" {
		t.Errorf("clear: %q", got)
	}
}

// A line as wide as the terminal would wrap and could not be rewritten.
func TestProgressLeavesTheLastColumnFree(t *testing.T) {
	p := Progress{Phase: "漢字\x1b[2J漢字漢字漢字", Elapsed: math.MaxInt64, Total: math.MaxInt64, Rate: 1e18, P99: ptr(int64(math.MaxInt64)),
		Errors: math.MaxInt64, Terminal: true}
	for _, s := range []Style{{}, {Unicode: true}, {Unicode: true, Width: 64}} {
		line := strings.TrimSuffix(strings.TrimPrefix(p.Line(s), "\r"), "\x1b[K")
		if n := cells(line); n >= s.columns() {
			t.Errorf("%d cells of %d: %s", n, s.columns(), line)
		}
		checkLine(t, "the line", line, s.columns())
	}
}
