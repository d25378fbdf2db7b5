// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"time"
)

// Progress is what is known of a run while it lasts. The caller owns the clock
// and writes the line to standard error once a second.
type Progress struct {
	Phase    string        // what is being done: "warm-up", "measuring"; may be empty
	Elapsed  time.Duration // since the start
	Total    time.Duration // planned; 0: open end
	Rate     float64       // requests/s over the last second
	P99      *int64        // ns over the last second; nil when too few
	Errors   int64         // since the start
	Foreign  bool          // the load is not ours: nothing is known of it meanwhile
	Terminal bool          // standard error is a terminal
	Quiet    bool          // --quiet
}

// Line is the text that replaces the line before it: it returns the carriage,
// writes fewer cells than the terminal has, and clears the rest. It is empty
// when not at a terminal or quiet.
func (p Progress) Line(s Style) string {
	if p.Quiet || !p.Terminal {
		return ""
	}
	return "\r" + s.line(p.text(s)) + "\x1b[K"
}

// Clear removes the line before other output is written; empty where Line is.
func (p Progress) Clear() string {
	if p.Quiet || !p.Terminal {
		return ""
	}
	return "\r\x1b[K"
}

func (p Progress) text(s Style) text {
	t := in(faint, gauge(p.Elapsed, p.Total, s)).with(clock(p.Elapsed))
	if p.Total > 0 {
		t = t.with(" / " + clock(p.Total))
	}
	if p.Phase != "" {
		t = t.with("  ").and(in(faint, truncate(clean(p.Phase), 12, "…")))
	}
	if p.Foreign {
		return cutCell(s.settle(t), s.columns()-1, s)
	}
	t = t.with("  ").and(in(strong, left(significant(p.Rate), 7)+" requests/s")).
		with("  p99 " + right(quantile(p.P99), 7)).with("  ")
	if p.Errors > 0 {
		t = t.and(in(warned, plural(p.Errors, "error")))
	} else {
		t = t.with("no errors")
	}
	return cutCell(s.settle(t), s.columns()-1, s)
}

// gauge draws how much of the planned time is over.
func gauge(elapsed, total time.Duration, s Style) string {
	const width = 10
	if total <= 0 {
		return ""
	}
	full := int(width * min(1, max(0, float64(elapsed)/float64(total))))
	return strings.Repeat(s.fit("━"), full) + strings.Repeat(s.fit("─"), width-full) + " "
}

// clock formats whole seconds: 7 s, 1:05, 2:00:07.
func clock(d time.Duration) string {
	whole := int64(max(0, d) / time.Second)
	two := func(n int64) string {
		if n < 10 {
			return "0" + count(n)
		}
		return count(n)
	}
	switch {
	case whole < 60:
		return unit(count(whole), "s")
	case whole < 3600:
		return count(whole/60) + ":" + two(whole%60)
	}
	return count(whole/3600) + ":" + two(whole/60%60) + ":" + two(whole%60)
}
