// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

// valueOf adds up a sample type over the samples that have a function on their
// stack; an empty one is on all.
func valueOf(t *testing.T, p *profile.Profile, kind, function string) float64 {
	t.Helper()
	for i, s := range p.SampleType {
		if s.Type != kind {
			continue
		}
		var sum float64
		for _, sample := range p.Sample {
			if function == "" || has(sample, function) {
				sum += float64(sample.Value[i])
			}
		}
		return sum
	}
	t.Fatalf("no sample type %q among %v", kind, p.SampleType)
	return 0
}

func callOf(r *results.Result, name string) results.Syscall {
	for _, c := range r.Syscalls {
		if strings.HasPrefix(c.Name, name) {
			return c
		}
	}
	return results.Syscall{}
}

// A server that sleeps 2 ms in each request, and waits for the next in poll.
func TestWaitsAreProfiledWhereTheyHappen(t *testing.T) {
	server, _ := startPeer(t, "stampserver", "--pause-us", "2000", "--pause-pct", "100")
	r, out, _ := profiled(t, server, "--duration", "6s", "--slice", "300ms", "--budget", "50",
		"--rate", "100", "--arrivals", "constant", "--connections", "1")
	p := profileIn(t, out, "offcpu.pb.gz")
	slept := callOf(r, "clock_nanosleep")
	if slept.Calls < 50 {
		t.Fatalf("system calls: %+v", r.Syscalls)
	}
	// The first slice draws 1 in 64, all others follow each stay: the error is that
	// of the first.
	first := float64(slept.Calls) / float64(max(1, probedSlices(r)))
	bound := 0.05 + 4*math.Sqrt(64*first)/float64(slept.Calls)
	delay := valueOf(t, p, "delay", "clock_nanosleep")
	if ratio := delay / float64(slept.TotalNs); math.Abs(ratio-1) > bound {
		t.Errorf("asleep %.0f ns in the profile, %d ns by the calls' own time (ratio %.2f, bound %.2f)", delay, slept.TotalNs, ratio, bound)
	}
	if idle, late := valueOf(t, p, "idle", "poll"), valueOf(t, p, "delay", "poll"); idle < 20*late || idle == 0 {
		t.Errorf("in poll: idle %.0f ns, delay %.0f ns", idle, late)
	}
	if idle := valueOf(t, p, "idle", "clock_nanosleep"); idle != 0 {
		t.Errorf("a sleep of the server's own counts as idle: %.0f ns", idle)
	}
	served := 0
	for _, s := range p.Sample {
		// A call that was entered before the probes came on has a stack and no label.
		if has(s, "clock_nanosleep") && len(s.Label["band"]) > 0 && slices.Contains(s.Label["syscall"], "clock_nanosleep") {
			served++
		}
	}
	if served == 0 {
		t.Error("no sleep is known to be in a request")
	}
}

func probedSlices(r *results.Result) (n int) {
	for _, s := range r.Run.Slices {
		if s.Mode == results.Probed.String() {
			n++
		}
	}
	return n
}

func TestCallPathsAddUpToTheTable(t *testing.T) {
	server, _ := startPeer(t, "burner")
	r, out, _ := profiled(t, server, "--duration", "5s", "--slice", "250ms", "--budget", "50", "--payload", "64")
	p := profileIn(t, out, "syscalls.pb.gz")
	for _, name := range []string{"recvfrom", "sendto"} {
		calls := float64(callOf(r, name).Calls)
		// Each stack stands for period calls, more or less.
		bound := 0.05 + 4*math.Sqrt(max(64, float64(p.Period))/calls)
		if got := valueOf(t, p, "calls", name); calls == 0 || math.Abs(got/calls-1) > bound {
			t.Errorf("%s: %.0f calls in the profile, %.0f in the table (bound %.2f)", name, got, calls, bound)
		}
	}
	if fromRead, all := 0.0, valueOf(t, p, "calls", "recvfrom"); all > 0 {
		for _, s := range p.Sample {
			if has(s, "recvfrom") && has(s, "read_all") {
				fromRead += float64(s.Value[0])
			}
		}
		if fromRead < 0.99*all {
			t.Errorf("%.0f of %.0f calls of recvfrom come from read_all", fromRead, all)
		}
	}
	if p.Mapping[0].File == "" || !strings.HasSuffix(p.Mapping[0].File, "/burner") || p.Mapping[0].BuildID == "" {
		t.Errorf("the first mapping is %+v, want the program", p.Mapping[0])
	}
}
