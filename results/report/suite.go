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
func SuiteBlock(w io.Writer, phase *results.SuitePhase) error {
	_, err := io.WriteString(w, strings.Join(suiteLines(phase), "\n")+"\n")
	return err
}

// suiteLines are the lines of a block. Sizes are decimal (MB), times in ms.
func suiteLines(phase *results.SuitePhase) []string {
	r := phase.Result
	if !r.Valid {
		lines := []string{suiteTitles[phase.Kind], "INVALID, no figure of it can be quoted:"}
		for _, reason := range r.InvalidReasons {
			lines = append(lines, "  "+clean(reason))
		}
		return lines
	}
	lines := []string{suiteTitles[phase.Kind]}
	switch phase.Kind {
	case results.SuiteThroughput:
		return append(lines, throughputLines(r)...)
	case results.SuiteLatency:
		return append(lines, latencyLines(r)...)
	case results.SuiteMemory:
		return append(lines, memoryLines(r)...)
	case results.SuiteCPU:
		return append(lines, cpuLines(r)...)
	}
	return lines
}

var suiteTitles = map[results.SuiteKind]string{
	results.SuiteThroughput: "IPC Throughput Benchmark",
	results.SuiteLatency:    "IPC Latency Benchmark",
	results.SuiteMemory:     "Memory Benchmark",
	results.SuiteCPU:        "CPU Benchmark",
}

const notMeasured = "not measured"

func throughputLines(r *results.Result) []string {
	return []string{
		fmt.Sprintf("Duration: %.0f seconds", float64(r.Run.DurationNs)/1e9),
		fmt.Sprintf("Connections: %d, %d in flight on each", r.Load.Connections, max(1, r.Load.Pipeline)),
		"Total Requests: " + count(r.Load.Requests.OK),
		"Throughput: " + perSecond(r.Load.AchievedRPS),
	}
}

func perSecond(rate *float64) string {
	if rate == nil {
		return notMeasured
	}
	return count(int64(*rate+0.5)) + " req/sec"
}

func latencyLines(r *results.Result) []string {
	d := r.Latency.ResponseTime
	lines := []string{"Requests: " + count(d.Count) + " at " + perSecond(r.Load.OfferedRPS)}
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
		return "inconclusive: " + clean(l.Reason)
	}
	return "inconclusive"
}

func megabytes(n int64) string {
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "MB"
}

// topOfSuite is how many functions a block names.
const topOfSuite = 5

func cpuLines(r *results.Result) []string {
	if r.CPU == nil {
		return []string{notMeasured}
	}
	lines := []string{
		"Load: " + perSecond(r.Load.OfferedRPS),
		fmt.Sprintf("CPU Usage: %s%% (single core)", significant(r.CPU.UtilisationPct)),
		"Top functions:",
	}
	for i, f := range r.CPU.Top[:min(topOfSuite, len(r.CPU.Top))] {
		lines = append(lines, fmt.Sprintf("  %d. %s - %.0f%%", i+1, truncate(clean(f.Function), 60, "…"), f.SelfPct))
	}
	if len(r.CPU.Top) == 0 {
		lines = append(lines, "  "+notMeasured)
	}
	return lines
}
