// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// subject says what was measured, where and for how long.
func subject(r *results.Result) block {
	list := facts{
		{"target", targetText(r)},
		{"machine", machineText(&r.Environment)},
		{"run", runText(r)},
	}
	if rung, known := rungs[r.Run.Rung]; known {
		list = append(list, fact{"probes", say("on " + rung + " (" + r.Run.Rung + ")")})
	}
	return list
}

// rungs says in words where the probes hung.
var rungs = map[string]string{
	"tp_btf":     "the sockets’ tracepoints",
	"tracepoint": "the sockets’ tracepoints, by way of perf events",
	"fentry":     "trampolines around the sockets’ functions",
	"kprobe":     "breakpoints at the sockets’ functions",
	"syscall":    "system calls alone: queue wait and send call are not told apart",
}

func targetText(r *results.Result) text {
	t := subjectName(r)
	if r.Target.PID > 0 {
		t = t.with(fmt.Sprintf(", pid%c%d", nbsp, r.Target.PID))
	}
	if r.Target.Threads > 0 {
		t = t.with(", " + plural(int64(r.Target.Threads), "thread"))
	}
	if c := r.Target.Children; c != nil && c.Followed {
		t = t.with(", with up to " + count(int64(c.Processes)) + " of its children")
	}
	if r.Target.Socket != "" {
		t = t.with(", ").and(name(truncateFront(clean(r.Target.Socket), 44, "…")))
	}
	if r.Target.Protocol != "" {
		t = t.with(" (").and(name(truncate(clean(r.Target.Protocol), 24, "…")), say(")"))
	}
	if r.Target.Ended != "" {
		t = t.with("; ").and(in(warned, "ended: "+r.Target.Ended))
	}
	return t
}

func machineText(e *results.Environment) text {
	var parts []string
	if e.Kernel != "" {
		parts = append(parts, "Linux "+truncate(clean(e.Kernel), 32, "…"))
	}
	if e.CPUs > 0 {
		cpu := plural(int64(e.CPUs), "CPU")
		if e.CPUModel != "" {
			cpu = count(int64(e.CPUs)) + string(nbsp) + "× " + truncate(clean(e.CPUModel), 48, "…")
		}
		parts = append(parts, cpu)
	}
	if e.Virtualised {
		parts = append(parts, "virtual")
	}
	if e.StealPct >= 0.05 {
		parts = append(parts, percent(e.StealPct)+" steal")
	}
	if e.Placement.SharedPct >= 0.05 {
		parts = append(parts, "client and server on one CPU in "+rough(e.Placement.SharedPct)+" of looks")
	}
	if len(parts) == 0 {
		return in(faint, "not recorded")
	}
	return say(strings.Join(parts, ", "))
}

func runText(r *results.Result) text {
	t := say(elapsed(r.Run.DurationNs))
	if r.Run.WarmupNs > 0 {
		t = t.with(" after " + elapsed(r.Run.WarmupNs) + " of warm-up")
	}
	bare, probed := sliceCount(r, results.Bare), sliceCount(r, results.Probed)
	switch {
	case bare > 0 && probed > 0:
		t = t.with(fmt.Sprintf("; %d bare and %s", bare, plural(int64(probed), "probed slice")))
	case bare > 0:
		t = t.with("; " + plural(int64(bare), "bare slice"))
	case probed > 0:
		t = t.with("; " + plural(int64(probed), "probed slice"))
	}
	if words := turns(r); words != "" {
		t = t.with(" (" + words + ")")
	}
	if ns := unlooked(r); ns > 0 {
		t = t.with("; nothing attached for " + elapsed(ns))
	}
	if r.Run.StartedAt != "" {
		t = t.with("; began ").with(strings.ReplaceAll(truncate(clean(r.Run.StartedAt), 32, "…"), " ", string(nbsp)))
	}
	if r.Tool.Version != "" {
		t = t.with("; ipcprobe ").with(truncate(clean(r.Tool.Version), 32, "…"))
	}
	return t
}

// turns words which probes were on in how many of the probed slices, where they took
// turns; empty where all were on in each.
func turns(r *results.Result) string {
	by := make(map[string]int)
	for _, s := range r.Run.Slices {
		by[s.Carried]++
	}
	if by[results.CarriedCalls.String()]+by[results.CarriedClock.String()] == 0 {
		return ""
	}
	var words []string
	for _, c := range []struct {
		carried results.Carried
		what    string
	}{{results.CarriedAll, "with all probes"}, {results.CarriedCalls, "of requests and calls"}, {results.CarriedClock, "of CPU samples"}} {
		if n := by[c.carried.String()]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, c.what))
		}
	}
	return strings.Join(words, ", ")
}
