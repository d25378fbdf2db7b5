// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	sameRate  = 0.005 // share by which rates may differ and be one
	sharedGap = 25.0  // points of looks that found client and server on one CPU
)

// Differ lists what makes two runs different measurements: another load, machine,
// kernel or placement. Their figures then tell nothing of the builds.
func Differ(a, b *results.Result) []results.RunDifference {
	var out []results.RunDifference
	add := func(what, left, right string) {
		if left != right {
			out = append(out, results.RunDifference{What: what, A: left, B: right})
		}
	}
	out = append(out, differLoad(a.Load, b.Load)...)
	add("protocol", orNone(a.Target.Protocol), orNone(b.Target.Protocol))
	add("upstream", upstream(a), upstream(b))
	x, y := &a.Environment, &b.Environment
	add("kernel", orNone(x.Kernel), orNone(y.Kernel))
	add("CPU model", orNone(x.CPUModel), orNone(y.CPUModel))
	add("CPUs", strconv.Itoa(x.CPUs), strconv.Itoa(y.CPUs))
	add("virtual machine", yes(x.Virtualised), yes(y.Virtualised))
	if !placedAlike(x.Placement.TargetCPUs, y.Placement.TargetCPUs) {
		add("placement of the server", cpus(x.Placement.TargetCPUs), cpus(y.Placement.TargetCPUs))
	}
	if !placedAlike(x.Placement.GeneratorCPUs, y.Placement.GeneratorCPUs) {
		add("placement of the client", cpus(x.Placement.GeneratorCPUs), cpus(y.Placement.GeneratorCPUs))
	}
	if math.Abs(x.Placement.SharedPct-y.Placement.SharedPct) > sharedGap {
		add("client and server on one CPU", fmt.Sprintf("%.0f %% of looks", x.Placement.SharedPct), fmt.Sprintf("%.0f %% of looks", y.Placement.SharedPct))
	}
	add("figures quoted from", quoted(a), quoted(b))
	return out
}

func differLoad(a, b *results.Load) []results.RunDifference {
	if a == nil || b == nil {
		if a == b {
			return nil
		}
		return []results.RunDifference{{What: "load", A: present(a), B: present(b)}}
	}
	var out []results.RunDifference
	add := func(what, left, right string) {
		if left != right {
			out = append(out, results.RunDifference{What: what, A: left, B: right})
		}
	}
	add("loop", orNone(a.Loop), orNone(b.Loop))
	if a.Loop == "open" && b.Loop == "open" {
		add("arrivals", orNone(a.Arrivals), orNone(b.Arrivals))
		if !sameRPS(a.OfferedRPS, b.OfferedRPS) {
			add("rate", rps(a.OfferedRPS), rps(b.OfferedRPS))
		}
	}
	add("connections", strconv.Itoa(a.Connections), strconv.Itoa(b.Connections))
	add("pipeline", strconv.Itoa(a.Pipeline), strconv.Itoa(b.Pipeline))
	add("batch by batch", strconv.FormatBool(a.Batch), strconv.FormatBool(b.Batch))
	add("payload", strconv.Itoa(a.PayloadBytes)+" bytes", strconv.Itoa(b.PayloadBytes)+" bytes")
	add("kinds of requests", kinds(a), kinds(b))
	return out
}

// placedAlike says whether two sets of CPUs are those of one way of placing: both
// one CPU and the same, or both several that overlap. Where nothing is pinned, on
// which of many CPUs something was seen is chance.
func placedAlike(a, b []int) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	overlap := slices.ContainsFunc(a, func(cpu int) bool { return slices.Contains(b, cpu) })
	return overlap && (len(a) == 1) == (len(b) == 1)
}

func sameRPS(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return math.Abs(*a-*b) <= sameRate*math.Max(*a, *b)
}

func rps(x *float64) string {
	if x == nil {
		return "none"
	}
	return strconv.FormatFloat(*x, 'f', -1, 64) + " requests/s"
}

func kinds(l *results.Load) string {
	if len(l.Kinds) == 0 {
		return "one"
	}
	words := make([]string, len(l.Kinds))
	for i, k := range l.Kinds {
		words[i] = fmt.Sprintf("%.3g %% %s %d bytes", k.SharePct, k.Name, k.PayloadBytes)
	}
	return strings.Join(words, ", ")
}

func cpus(list []int) string {
	if len(list) == 0 {
		return "not seen"
	}
	words := make([]string, len(list))
	for i, n := range slices.Sorted(slices.Values(list)) {
		words[i] = strconv.Itoa(n)
	}
	if len(words) == 1 {
		return "CPU " + words[0]
	}
	return "CPUs " + strings.Join(words, ",")
}

// upstream says whether tasks went through the reference gateway's NATS server.
func upstream(r *results.Result) string {
	if r.Target.NATS != nil {
		return "NATS"
	}
	return "none of ours"
}

// quoted says which slices the client's figures are from.
func quoted(r *results.Result) string {
	if r.Latency == nil {
		return "no slices"
	}
	for _, s := range r.Run.Slices {
		if s.Mode == results.Bare.String() {
			return "bare slices"
		}
	}
	if len(r.Run.Slices) == 0 {
		return "bare slices"
	}
	return "probed slices"
}

func present(l *results.Load) string {
	if l == nil {
		return "none of ours"
	}
	return "ours"
}

func orNone(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
