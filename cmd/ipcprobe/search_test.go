// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
)

// timely is rates for a measurement that is to be valid. A machine that is shared
// can keep the load generator from being in time, which then has to be said, and
// nothing else: such a run is tried again, and when no try is in time ok is false.
func timely(t *testing.T, args ...string) (r *results.Result, ok bool) {
	t.Helper()
	for range 2 {
		got := ipcprobe(t, rateArgs(args)...)
		r = resultOf(t, got, args)
		if got.code == exitDone {
			return r, true
		}
		for _, reason := range r.InvalidReasons {
			if late := strings.Contains(reason, "load generator was late") || strings.Contains(reason, "load generator sent"); got.code != exitInvalid || !late {
				t.Fatalf("%s: exit code %d, %q\n%s", strings.Join(args, " "), got.code, reason, got.stderr)
			}
		}
		if r.Valid || len(r.InvalidReasons) == 0 {
			t.Fatalf("%s: exit code %d without a reason\n%s", strings.Join(args, " "), got.code, got.stderr)
		}
		t.Logf("not in time: %q", r.InvalidReasons)
	}
	return r, false
}

// rates runs `ipcprobe load --format json` and returns the result.
func rates(t *testing.T, wantCode int, args ...string) *results.Result {
	t.Helper()
	got := ipcprobe(t, rateArgs(args)...)
	if got.code != wantCode {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got.code, wantCode, got.stdout, got.stderr)
	}
	return resultOf(t, got, args)
}

func rateArgs(args []string) []string {
	return append([]string{"load", "--quiet", "--format", "json", "--pipeline", "1", "--connections", "32"}, args...)
}

func resultOf(t *testing.T, got outcome, args []string) *results.Result {
	t.Helper()
	var r results.Result
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatalf("%s: exit code %d, %v in:\n%s%s", strings.Join(args, " "), got.code, err, got.stdout, got.stderr)
	}
	return &r
}

// A server that is busy for 500 µs in each request answers 2,000/s at most. How
// near the search comes is for a quiet machine to show (BenchmarkSearch): here
// the machine is shared, and what is held is that the parts fit together.
func TestASearchEndsWithARateAndWhatGaveWay(t *testing.T) {
	server, socket := startPeer(t, "stampserver", "--busy-us", "500")
	r, ok := timely(t, "--socket", socket, "--search", "p50<20ms", "--search-time", "10s", "--arrivals", "constant")
	if !ok {
		return
	}
	s := r.Search
	if s == nil || s.RateRPS == nil || s.Interval == nil || len(s.Probes) == 0 || s.GaveWay == "" || s.Reason == "" || s.EndedBy == "" {
		t.Fatalf("a part is missing: %+v", s)
	}
	t.Logf("%.0f requests/s [%.0f, %.0f] of at most 2000, %d probes; %s", *s.RateRPS, s.Interval[0], s.Interval[1], len(s.Probes), s.Reason)
	if *s.RateRPS < s.Interval[0] || *s.RateRPS > s.Interval[1] {
		t.Errorf("the rate %v is not in its interval %v", *s.RateRPS, *s.Interval)
	}
	outcomes := map[string]int{}
	for _, p := range s.Probes {
		outcomes[p.Outcome]++
		if p.ServerCPUPct == nil || p.Requests == 0 || p.DurationNs <= 0 {
			t.Errorf("a probe lacks something: %+v", p)
		}
		if p.Outcome == results.ProbeMet && p.P50 != nil && *p.P50 > 20_000_000 {
			t.Errorf("met with a p50 of %d ns", *p.P50)
		}
		// What a server of 2,000/s can't have kept up with can't be met.
		if p.OfferedRPS > 2500 && p.Outcome == results.ProbeMet {
			t.Errorf("met at %.0f/s", p.OfferedRPS)
		}
	}
	if outcomes[results.ProbeMet] == 0 || outcomes[results.ProbeMissed] == 0 {
		t.Errorf("outcomes %v", outcomes)
	}
	if r.Target.PID != server.Pid || r.Target.Threads != 1 {
		t.Errorf("the server is pid %d of %d threads, want %d of 1", r.Target.PID, r.Target.Threads, server.Pid)
	}
	if !server.Alive() {
		t.Errorf("the server did not live on:\n%s", server.Output())
	}
}

func TestASearchForWhatNoRateKeepsMissesItsLimit(t *testing.T) {
	_, socket := startPeer(t, "stampserver", "--busy-us", "500")
	got := ipcprobe(t, "load", "--quiet", "--socket", socket, "--search", "p50<100us", "--search-time", "10s")
	if got.code != exitMissed || !strings.Contains(got.stdout, "No rate is known") {
		t.Errorf("exit code %d, want %d\n%s%s", got.code, exitMissed, got.stdout, got.stderr)
	}
}

func TestACurveHasItsSteps(t *testing.T) {
	server, socket := startPeer(t, "stampserver", "--busy-us", "500")
	r, ok := timely(t, "--socket", socket, "--curve", "4", "--search-time", "5s", "--pid", strconv.Itoa(server.Pid))
	if !ok {
		return
	}
	if r.Curve == nil || len(r.Curve.Steps) != 4 {
		t.Fatalf("%+v", r.Curve)
	}
	for i, p := range r.Curve.Steps {
		if i > 0 && p.OfferedRPS <= r.Curve.Steps[i-1].OfferedRPS || p.AchievedRPS <= 0 || p.ServerCPUPct == nil {
			t.Errorf("step %d: %+v", i, p)
		}
	}
	text := ipcprobe(t, "load", "--quiet", "--socket", socket, "--curve", "3", "--search-time", "5s")
	if text.code != exitDone || !strings.Contains(text.stdout, "requests/s offered") || !strings.Contains(text.stdout, "answered/s") {
		t.Errorf("exit code %d\n%s%s", text.code, text.stdout, text.stderr)
	}
}

func TestAnInterruptedSearchTellsWhatItKnows(t *testing.T) {
	server, socket := startPeer(t, "stampserver", "--busy-us", "500")
	c := command("load", "--quiet", "--format", "json", "--socket", socket, "--search", "p50<20ms", "--search-time", "1m")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second)
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // its exit code is looked at
	var r results.Result
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatalf("%v in:\n%s", err, out.String())
	}
	if code := c.ProcessState.ExitCode(); code != signalBase+int(syscall.SIGINT) {
		t.Errorf("exit code %d", code)
	}
	if !r.Run.Partial || r.Search == nil || len(r.Search.Probes) == 0 || r.Search.EndedBy != "interrupted by SIGINT" {
		t.Errorf("%+v %+v", r.Run, r.Search)
	}
	if !server.Alive() {
		t.Error("the server did not live on")
	}
}

func TestASearchOfAServerThatEndsIsInvalid(t *testing.T) {
	server, socket := startPeer(t, "stampserver", "--busy-us", "500")
	go func() {
		time.Sleep(5 * time.Second)
		server.Stop()
	}()
	r := rates(t, exitInvalid, "--socket", socket, "--search", "p50<20ms", "--search-time", "1m")
	if r.Valid || !r.Run.Partial || len(r.InvalidReasons) == 0 {
		t.Errorf("%+v", r.Run)
	}
}

func TestSearchesRefuse(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"a limit that is none":             {[]string{"--search", "fast"}, "say p99<10ms"},
		"an empty limit":                   {[]string{"--search", ""}, "say p99<10ms"},
		"a search and a curve":             {[]string{"--search", "p99<1ms", "--curve", "5"}, "exclude each other"},
		"a rate beside a search":           {[]string{"--search", "p99<1ms", "--rate", "100"}, "--rate means nothing"},
		"a duration beside a curve":        {[]string{"--curve", "5", "--duration", "1s"}, "--duration means nothing"},
		"batches":                          {[]string{"--search", "p99<1ms", "--batch", "--pipeline", "4"}, "--batch means nothing"},
		"a think time":                     {[]string{"--search", "p99<1ms", "--think", "1ms"}, "--think means nothing"},
		"too few steps":                    {[]string{"--curve", "2"}, "between 3 and 50"},
		"no time":                          {[]string{"--curve", "5", "--search-time", "1s"}, "between 5s and 1h"},
		"a time without a search":          {[]string{"--search-time", "10s"}, "without --search or --curve"},
		"a pid without a search":           {[]string{"--pid", "1"}, "without --search or --curve"},
		"a pid that is none":               {[]string{"--curve", "5", "--pid", "0"}, "above 0"},
		"a socket that is not there":       {[]string{"--curve", "5"}, "no such file"},
		"a percentile that is not offered": {[]string{"--search", "p42<1ms"}, "p50, p90, p95, p99 or p99_9"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ipcprobe(t, append([]string{"load", "--socket", gone}, c.args...)...)
			if got.code != exitUsage || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
				t.Errorf("exit code %d, said %q; want %d and …%s…", got.code, got.stderr, exitUsage, c.says)
			}
		})
	}
}

// BenchmarkSearch says how near a search comes to the capacity of a server that
// is busy for a fixed time in each request: in percent of 1/busy, which leaves
// out the server's system calls, and of what a closed loop reached. That depends
// on the machine: it takes a CPU for the server and one for the load.
func BenchmarkSearch(b *testing.B) {
	const busyUs = 500
	socket := filepath.Join(b.TempDir(), "s")
	peer.Start(b, "ready", peer.Build(b, "stampserver"), "--socket", socket, "--busy-us", strconv.Itoa(busyUs))
	for b.Loop() {
		out, err := command("load", "--quiet", "--format", "json", "--socket", socket, "--pipeline", "1", "--connections", "32",
			"--search", "p99<20ms", "--search-time", "30s", "--arrivals", "constant").Output()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		var r results.Result
		if err := json.Unmarshal(out, &r); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(100**r.Search.RateRPS*busyUs/1e6, "%of1/busy")
		b.ReportMetric(100**r.Search.RateRPS/r.Search.ClosedRPS, "%ofclosed")
		b.ReportMetric(float64(len(r.Search.Probes)), "probes")
		b.Logf("%.0f [%.0f, %.0f] requests/s; gave way: %s: %s", *r.Search.RateRPS, r.Search.Interval[0], r.Search.Interval[1],
			r.Search.GaveWay, r.Search.Reason)
	}
}
