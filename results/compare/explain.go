// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	toldShare  = 0.05 // change of a counter below which it explains nothing
	toldCalls  = 0.03 // calls a request, likewise
	toldBytes  = 0.10 // change of bytes a call, likewise
	mostCauses = 3
)

// Title is what a metric is called in a sentence.
func Title(name string) string {
	switch name {
	case P999:
		return "p99.9"
	case CPUPerRequest:
		return "CPU a request"
	case Switches:
		return "context switches a request"
	case Faults:
		return "page faults a request"
	case Syscalls:
		return "system calls a request"
	}
	for prefix, words := range map[string]string{CallsPrefix: " a request", BytesPrefix: " bytes a call"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest + words
		}
	}
	if rest, ok := strings.CutPrefix(name, LegPrefix); ok {
		return strings.ReplaceAll(rest, "_", " ") + " (mean)"
	}
	return name
}

// Explain writes beside each time and throughput that has changed which counters
// changed with it: `2.0 → 1.1 recvfrom a request`. Counters are of probed slices,
// the times of bare ones.
func Explain(metrics []results.MetricChange) {
	for i := range metrics {
		m := &metrics[i]
		if m.ChangePct == nil || !explained(m.Name) || unsure(m.IntervalPct) {
			continue
		}
		way := *m.ChangePct
		if m.Name == Throughput {
			way = -way
		}
		text := strings.Join(causesOf(metrics, way), ", ")
		if m.Name == P50 || m.Name == P99 || m.Name == P999 {
			if leg := legOf(metrics, way); leg != "" {
				text = strings.TrimPrefix(text+"; "+leg, "; ")
			}
		}
		m.Explanation = text
	}
}

// unsure says that an interval holds no change at all: there is nothing to explain.
func unsure(interval *[2]float64) bool {
	return interval != nil && interval[0] <= 0 && interval[1] >= 0
}

// explained are the metrics that counters explain.
func explained(name string) bool {
	return slices.Contains([]string{Throughput, P50, P90, P95, P99, P999, CPUPerRequest}, name)
}

// causesOf lists the counters that changed most, in words; none where none of them
// changed the way (above 0: more) that a time did.
func causesOf(metrics []results.MetricChange, way float64) []string {
	type cause struct {
		size   float64
		text   string
		toward bool
	}
	var all []cause
	for i := range metrics {
		m := &metrics[i]
		if m.A == nil || m.B == nil {
			continue
		}
		change, more := math.Abs(*m.B-*m.A), (*m.B-*m.A)*way > 0
		call, counts := strings.CutPrefix(m.Name, CallsPrefix)
		moved, moves := strings.CutPrefix(m.Name, BytesPrefix)
		large := max(math.Abs(*m.A), math.Abs(*m.B))
		switch {
		case (counts || m.Name == Switches || m.Name == Faults) && change >= toldCalls && change >= toldShare*large:
			noun := call
			if m.Name == Switches || m.Name == Faults {
				noun = strings.TrimSuffix(Title(m.Name), " a request")
			}
			all = append(all, cause{change, fmt.Sprintf("%s → %s %s per request", brief(*m.A), brief(*m.B), noun), more})
		case moves && change >= toldBytes*large && change >= 1:
			// Bytes a call matter as much as they changed; a call saved counts more.
			all = append(all, cause{change / large / 10, fmt.Sprintf("%s → %s bytes per %s", brief(*m.A), brief(*m.B), moved), !more})
		}
	}
	slices.SortStableFunc(all, func(a, b cause) int { return cmp.Compare(b.size, a.size) })
	all = all[:min(mostCauses, len(all))]
	if !slices.ContainsFunc(all, func(c cause) bool { return c.toward }) {
		return nil
	}
	var out []string
	for _, c := range all {
		out = append(out, c.text)
	}
	return out
}

// legOf names the leg whose mean changed most, of those that changed the way that a
// time did.
func legOf(metrics []results.MetricChange, way float64) string {
	var most *results.MetricChange
	size := 0.0
	for i := range metrics {
		m := &metrics[i]
		if !strings.HasPrefix(m.Name, LegPrefix) || m.A == nil || m.B == nil {
			continue
		}
		if change := math.Abs(*m.B - *m.A); change > size && (*m.B-*m.A)*way > 0 {
			most, size = m, change
		}
	}
	if most == nil || size < toldShare*max(*most.A, *most.B) {
		return ""
	}
	return fmt.Sprintf("%s %s → %s µs", strings.TrimSuffix(Title(most.Name), " (mean)"), brief(*most.A/1e3), brief(*most.B/1e3))
}

// brief formats a count with two significant digits, or none after the point above
// 100.
func brief(x float64) string {
	switch a := math.Abs(x); {
	case a >= 99.5:
		return fmt.Sprintf("%.0f", x)
	case a >= 0.995:
		return fmt.Sprintf("%.1f", x)
	case a == 0:
		return "0"
	}
	return fmt.Sprintf("%.2f", x)
}
