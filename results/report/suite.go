// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// SuiteBlock writes what a phase of a suite came to as the short block that stands
// in its baseline. A figure that the phase can't give is named as such. The error
// is the writer's.
func SuiteBlock(w io.Writer, phase *results.SuitePhase, style Style) error {
	_, err := io.WriteString(w, strings.Join(suiteLines(phase, style), "\n")+"\n")
	return err
}

// suiteLines are the lines of a block. Sizes are decimal (MB), times in ms.
func suiteLines(phase *results.SuitePhase, style Style) []string {
	r := phase.Result
	lines := []string{suiteTitles[phase.Kind]}
	switch {
	case !r.Valid:
		lines = append(lines, "INVALID, no figure of it can be quoted:")
		for _, reason := range r.InvalidReasons {
			lines = append(lines, "  "+reason)
		}
	case phase.Kind == results.SuiteThroughput:
		lines = append(lines, throughputLines(r)...)
	case phase.Kind == results.SuiteLatency:
		lines = append(lines, latencyLines(r)...)
	case phase.Kind == results.SuiteMemory:
		lines = append(lines, memoryLines(r)...)
	case phase.Kind == results.SuiteCPU:
		lines = append(lines, cpuLines(r)...)
	}
	if r.Run.Partial {
		lines = append(lines, "Ended early: "+r.Run.EndedBy)
	}
	var out []string
	for _, line := range lines {
		out = append(out, wrapLine(line, style)...)
	}
	if phase.Kind == results.SuiteLatency && r.Valid && r.Latency != nil {
		for _, l := range barLines(draw(r.Latency), style, style.columns()) {
			out = append(out, strings.TrimRight(style.line(l), " "))
		}
	}
	return out
}

// wrapLine breaks a line that the terminal has no room for; what follows is
// indented by two more.
func wrapLine(line string, style Style) []string {
	trimmed := strings.TrimLeft(line, " ")
	indent := line[:len(line)-len(trimmed)]
	var out []string
	for i, l := range wrap(style.settle(say(trimmed)), style.columns()-len(indent)-2) {
		if i == 1 {
			indent += "  "
		}
		out = append(out, indent+style.line(l))
	}
	return out
}

var suiteTitles = map[results.SuiteKind]string{
	results.SuiteThroughput: "IPC Throughput Benchmark",
	results.SuiteLatency:    "IPC Latency Benchmark",
	results.SuiteMemory:     "Memory Benchmark",
	results.SuiteCPU:        "CPU Benchmark",
}

const notMeasured = "not measured"

// throughputLines are of the slices without probes, so that requests and duration
// make the throughput.
func throughputLines(r *results.Result) []string {
	if r.Load == nil {
		return []string{notMeasured}
	}
	var requests, ns int64
	for _, slice := range r.Run.Slices {
		if slice.Mode == results.Bare.String() {
			requests, ns = requests+slice.Requests, ns+slice.DurationNs
		}
	}
	lines := []string{
		"Duration: " + seconds(ns) + " without probes, of " + seconds(r.Run.DurationNs),
		fmt.Sprintf("Connections: %d, %d in flight on each", r.Load.Connections, max(1, r.Load.Pipeline)),
		"Total Requests: " + count(requests),
		"Throughput: " + perSecond(r.Load.AchievedRPS),
	}
	if ns == 0 { // the whole run was probed
		lines[0], lines[2] = "Duration: "+seconds(r.Run.DurationNs), "Total Requests: "+count(r.Load.Requests.OK)
	}
	return lines
}

// seconds gives a decimal to what is short.
func seconds(ns int64) string {
	decimals := 0
	if ns < 20e9 {
		decimals = 1
	}
	return strconv.FormatFloat(float64(ns)/1e9, 'f', decimals, 64) + " seconds"
}

func perSecond(rate *float64) string {
	if rate == nil {
		return notMeasured
	}
	return count(int64(*rate+0.5)) + " req/sec"
}

// loadText is the rate, and what came back of it where that is less.
func loadText(l *results.Load) string {
	offered, answered := l.OfferedRPS, l.AchievedRPS
	if offered == nil || answered == nil || results.Reaches(*answered, *offered) {
		return perSecond(offered)
	}
	return perSecond(offered) + ", of which " + count(int64(*answered+0.5)) + " were answered"
}

func latencyLines(r *results.Result) []string {
	if r.Latency == nil || r.Latency.ResponseTime == nil || r.Load == nil {
		return []string{notMeasured}
	}
	d := r.Latency.ResponseTime
	lines := []string{"Requests: " + count(d.Count) + " at " + loadText(r.Load)}
	for _, p := range []struct {
		name string
		at   *int64
	}{{"p50", d.P50}, {"p95", d.P95}, {"p99", d.P99}, {"p99.9", d.P999}} {
		value := "too few requests"
		if p.at != nil {
			value = milliseconds(*p.at)
		}
		lines = append(lines, p.name+": "+value)
	}
	return lines
}

// milliseconds gives three digits, as "0.379ms".
func milliseconds(ns int64) string {
	ms := float64(ns) / 1e6
	decimals := 3
	for limit := 1.0; ms >= limit && decimals > 0; limit *= 10 {
		decimals--
	}
	return strconv.FormatFloat(ms, 'f', max(decimals, 1), 64) + "ms"
}

func memoryLines(r *results.Result) []string {
	m := r.Memory
	if m == nil {
		return []string{notMeasured}
	}
	lines := []string{
		"Baseline RSS: " + megabytes(m.RSSBaselineBytes),
		"Peak RSS: " + megabytes(m.RSSPeakBytes),
		"Final RSS: " + megabytes(m.RSSFinalBytes),
		"Leak detected: " + leakWord(m.Leak),
	}
	if m.Heap != nil {
		lines = append(lines, fmt.Sprintf("Allocations: %s per request, %s", significant(m.Heap.AllocsPerRequest), bytesize(m.Heap.BytesPerRequest)))
	}
	return lines
}

func leakWord(l *results.Leak) string {
	switch {
	case l == nil:
		return notMeasured
	case l.Verdict == results.LeakNone:
		return "No"
	case l.Verdict == results.LeakFound && l.BytesPer1000 != nil:
		return "Yes, " + bytesize(*l.BytesPer1000) + " per 1,000 requests"
	case l.Verdict == results.LeakFound:
		return "Yes"
	}
	if l.Reason != "" {
		return "inconclusive: " + l.Reason
	}
	return "inconclusive"
}

func megabytes(n int64) string {
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "MB"
}

// topOfSuite is how many functions a block names.
const topOfSuite = 5

func cpuLines(r *results.Result) []string {
	if r.CPU == nil || r.Load == nil {
		return []string{notMeasured}
	}
	lines := []string{
		"Load: " + loadText(r.Load),
		fmt.Sprintf("CPU Usage: %s%% (single core)", significant(r.CPU.UtilisationPct)),
		"Top functions:",
	}
	for i, f := range r.CPU.Top[:min(topOfSuite, len(r.CPU.Top))] {
		lines = append(lines, fmt.Sprintf("  %d. %s - %.0f%%", i+1, truncate(clean(f.Function), 56, "…"), f.SelfPct))
	}
	if len(r.CPU.Top) == 0 {
		lines = append(lines, "  "+notMeasured)
	}
	return lines
}
