// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// Names of metrics. Those of single system calls begin with one of the prefixes.
const (
	P50            = "p50" // of the response time
	P90            = "p90"
	P95            = "p95"
	P99            = "p99"
	P999           = "p99_9"
	Throughput     = "throughput" // closed loop only
	CPUPerRequest  = "cpu_per_request"
	Switches       = "context_switches"
	Faults         = "page_faults"
	Syscalls       = "syscalls"
	CallsPrefix    = "calls."
	BytesPrefix    = "bytes_per_call."
	LegPrefix      = "leg." // mean of a leg of the round trip
	callResolution = 0.01
)

// trait is what is known of a metric by its name.
type trait struct {
	unit, better, source string
	// resolution is what is added to both sides before they are divided: below
	// it a change of a count is none. It keeps a count of 0 comparable.
	resolution float64
}

var traits = map[string]trait{
	P50: {"ns", "lower", "bare", 0}, P90: {"ns", "lower", "bare", 0}, P95: {"ns", "lower", "bare", 0},
	P99: {"ns", "lower", "bare", 0}, P999: {"ns", "lower", "bare", 0},
	Throughput:    {"requests/s", "higher", "bare", 0},
	CPUPerRequest: {"ns", "lower", "bare", 0},
	Switches:      {"1/request", "lower", "bare", 0.05},
	Faults:        {"1/request", "lower", "bare", 0.1},
	Syscalls:      {"1/request", "lower", "probed", callResolution},
}

// order is how metrics are listed; system calls follow by name.
var order = []string{Throughput, P50, P90, P95, P99, P999, CPUPerRequest, Syscalls, Switches, Faults}

func traitOf(name string) trait {
	if t, ok := traits[name]; ok {
		return t
	}
	switch {
	case strings.HasPrefix(name, CallsPrefix):
		return trait{"1/request", "lower", "probed", callResolution}
	case strings.HasPrefix(name, BytesPrefix):
		return trait{"bytes", "", "probed", 1}
	case strings.HasPrefix(name, LegPrefix):
		return trait{"ns", "lower", "probed", 0}
	}
	return trait{"", "", "bare", 0}
}

// listed sorts names as they are shown.
func listed(names []string) {
	place := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
	})
}

// Known lists the metrics that can be gated by name.
func Known() []string { return slices.Clone(order) }

// Gate is a metric that decides over the verdict.
type Gate struct {
	Metric    string
	MarginPct float64 // how much worse B may be, in percent of A
}

// Defaults of margins, percent. Quads have what differs between two starts of a
// program in their noise; two single runs do not, so more has to be forgiven. How
// often threads switch and pages are touched depends on the machine's other work too.
const (
	QuadMargin  = 3
	RunMargin   = 10
	WorkMargin  = 10
	CountMargin = 5 // of system calls, in runs too
)

// Gates are the metrics that are gated where the user says nothing: what users
// feel, and what hardly varies. margin is that of times and throughput.
func Gates(margin float64) []Gate {
	return []Gate{
		{Throughput, margin}, {P50, margin}, {P99, margin}, {CPUPerRequest, margin},
		{Syscalls, CountMargin}, {Switches, WorkMargin}, {Faults, WorkMargin},
	}
}

// start is a change with what is known of its metric.
func start(name string) results.MetricChange {
	t := traitOf(name)
	return results.MetricChange{Name: name, Unit: t.unit, Better: t.better, Source: t.source, Verdict: results.NoVerdict}
}
