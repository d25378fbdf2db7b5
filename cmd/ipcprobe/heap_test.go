// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/join"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// heapRun measures a server with a heap phase and returns the result and the
// run's folder. The budget is all of a core: the phase is to be short, not cheap.
func heapRun(t *testing.T, pid int, args ...string) (*results.Result, string) {
	t.Helper()
	kerneltest.Privileged(t)
	folder := filepath.Join(t.TempDir(), "run")
	got := ipcprobe(t, append([]string{"run", "--format", "json", "--heap", "--budget", "100", "--warmup", "0s",
		"--pid", strconv.Itoa(pid), "--out", folder}, args...)...)
	var r results.Result
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatalf("exit code %d, %v in:\n%s%s", got.code, err, got.stdout, got.stderr)
	}
	return &r, folder
}

func TestAHeapPhaseFindsTheLeakAndItsFilesAreRead(t *testing.T) {
	msPrint := kerneltest.Tool(t, "ms_print")
	server, _ := startPeer(t, "leaky", "--healthy", "--leak", "128")
	r, folder := heapRun(t, server.Pid, "--requests", "20000")
	h := r.Memory.Heap
	if h == nil {
		t.Fatalf("no heap: %q", r.Warnings)
	}
	if h.Requests != 20000 || h.AllocsPerRequest != 17 || h.Lost != 0 || h.Partial != "" {
		t.Errorf("%d requests, %.4f allocations each, want 17; lost %d, partial %q", h.Requests, h.AllocsPerRequest, h.Lost, h.Partial)
	}
	if s := h.Sites[0]; s.Function != "leak_here" || s.LiveBytes != 128*20000 {
		t.Errorf("most is held by %s: %d bytes; want leak_here with %d", s.Function, s.LiveBytes, 128*20000)
	}
	if len(h.Lifetimes) == 0 || len(h.Sizes) == 0 || h.Cost == nil || h.CutPct > 1 {
		t.Errorf("lifetimes %v, sizes %v, cost %+v, %.1f %% cut", h.Lifetimes, h.Sizes, h.Cost, h.CutPct)
	}
	massif, err := exec.Command(msPrint, filepath.Join(folder, "massif.out")).CombinedOutput()
	if err != nil || !strings.Contains(string(massif), "leak_here") || !strings.Contains(string(massif), "(peak)") {
		t.Errorf("ms_print: %v\n%s", err, massif)
	}
	top, err := exec.Command("go", "tool", "pprof", "-sample_index=inuse_space", "-top", filepath.Join(folder, "heap.pb.gz")).Output()
	if err != nil {
		t.Fatalf("pprof: %v", err)
	}
	rows := strings.Split(strings.TrimSpace(string(top)), "\n")
	for i, row := range rows {
		if strings.Contains(row, "flat%") {
			if i+1 == len(rows) || !strings.Contains(rows[i+1], "leak_here") {
				t.Errorf("pprof does not show the leak first:\n%s", top)
			}
		}
	}
	for _, index := range []string{"alloc_space", "alloc_objects", "inuse_objects"} {
		if out, err := exec.Command("go", "tool", "pprof", "-sample_index="+index, "-top", filepath.Join(folder, "heap.pb.gz")).CombinedOutput(); err != nil {
			t.Errorf("pprof %s: %v\n%s", index, err, out)
		}
	}
	if code := server.Stop(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	nothingLeft(t)
}

func TestAHeapPhaseStaysInsideItsBudgetAndAllIsAnswered(t *testing.T) {
	server, _ := startPeer(t, "leaky", "--healthy")
	r, _ := heapRun(t, server.Pid, "--budget", "5", "--duration", "3s", "--rate", "2000", "--heap-requests", "3000")
	h := r.Memory.Heap
	if h == nil || h.Cost == nil {
		t.Fatalf("no heap: %+v, %q", h, r.Warnings)
	}
	t.Logf("%d requests at %.0f/s took %.2f %% of a core (%v)", h.Requests, h.RateRPS, h.Cost.CorePct, *h.Cost.Interval)
	if h.Cost.CorePct > 5 || h.RateRPS > 2000 || h.Requests < 10 {
		t.Errorf("the probes took %.2f %% of a core of 5 %%: %d requests at %.0f/s", h.Cost.CorePct, h.Requests, h.RateRPS)
	}
	for _, w := range r.Warnings {
		if strings.Contains(w, "no answer") {
			t.Error(w)
		}
	}
}

// The ordinary run takes 5000 requests, the scout some 4000, more on a busy machine;
// the phase 120000.
func TestATargetThatEndsInTheHeapPhaseLeavesWhatWasSeen(t *testing.T) {
	for flag, says := range map[string]string{"--exit-at": "exit", "--exec-at": "executed"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel() // nothing is timed
			server, _ := startPeer(t, "leaky", "--healthy", flag, "30000")
			r, _ := heapRun(t, server.Pid, "--requests", "5000", "--heap-requests", "60000")
			h := r.Memory.Heap
			if h == nil {
				t.Fatalf("no heap: %q", r.Warnings)
			}
			if h.Allocs == 0 || h.Allocs%16 != 0 || !strings.Contains(h.Partial, says) {
				t.Errorf("%d allocations; partial: %q, want %q in it", h.Allocs, h.Partial, says)
			}
			if !strings.Contains(strings.Join(r.Warnings, "\n"), "ended early") {
				t.Errorf("no warning: %q", r.Warnings)
			}
		})
	}
}

func TestAHeapThatCannotBeSeenIsAWarning(t *testing.T) {
	server, _ := startPeer(t, "leaky")
	r, _ := heapRun(t, server.Pid, "--duration", "500ms", "--rate", "1000", "--allocator", "je_malloc")
	if r.Memory == nil || r.Memory.Heap != nil || r.Memory.RSSPeakBytes == 0 {
		t.Errorf("memory %+v", r.Memory)
	}
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "--allocator je_malloc: no such allocator") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestHeapFlagsThatContradict(t *testing.T) {
	for _, args := range [][]string{{"--allocator", "malloc"}, {"--heap-requests", "10"}, {"--heap", "--heap-requests", "-1"}, {"--heap", "--no-load", "--pid", "1"}} {
		got := ipcprobe(t, append([]string{"run"}, args...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, "--heap") {
			t.Errorf("%v: exit code %d, said %q", args, got.code, got.stderr)
		}
	}
}

// That nothing leaks is not said of a process that left the work to others.
func TestWhatOthersAnsweredIsNoVerdictOnTheTarget(t *testing.T) {
	family := func(followed bool) *results.Family { return &results.Family{Processes: 2, Followed: followed} }
	for name, c := range map[string]struct {
		m    measurement
		want string
	}{
		"its own":                     {measurement{join: join.Account{Matched: 10}}, results.LeakNone},
		"beside a child":              {measurement{join: join.Account{Matched: 10}, family: family(false)}, results.LeakNone},
		"followed children":           {measurement{join: join.Account{Matched: 10}, family: family(true)}, results.LeakInconclusive},
		"none of it joined":           {measurement{join: join.Account{Unmatched: unmatched(10)}}, results.LeakInconclusive},
		"nothing in the heap phase":   {measurement{join: join.Account{Matched: 10}, idle: true}, results.LeakInconclusive},
		"nothing was followed at all": {measurement{}, results.LeakNone},
	} {
		c.m.memory.Leak = &results.Leak{Verdict: results.LeakNone, View: "rss"}
		c.m.judgeLeak()
		if l := c.m.memory.Leak; l.Verdict != c.want || (l.Verdict == results.LeakInconclusive) != strings.Contains(l.Reason, "--pid") {
			t.Errorf("%s: %s: %q, want %s", name, l.Verdict, l.Reason, c.want)
		}
	}
}

func unmatched(n int64) (a [len(join.Account{}.Unmatched)]int64) {
	a[0] = n
	return a
}

func TestAServerWhoseChildrenAnswerIsNotCalledSound(t *testing.T) {
	server, _ := startPeer(t, "shapeserver", "--shape", "fork")
	r, _ := heapRun(t, server.Pid, "--children", "--duration", "500ms", "--rate", "1000", "--heap-requests", "500")
	if l := r.Memory.Leak; l == nil || l.Verdict != results.LeakInconclusive || !strings.Contains(l.Reason, "other processes") {
		t.Errorf("verdict %+v", l)
	}
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "other processes did, and their heaps were not seen") {
		t.Errorf("warnings %q", r.Warnings)
	}
}
