// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// remember is a run against the peer growth in one of its modes. A busy machine
// may make the load late and the run invalid; its memory was seen all the same.
func remember(t *testing.T, arguments []string, flags ...string) (r *results.Result, pid int) {
	t.Helper()
	server, _ := startPeer(t, "growth", arguments...)
	args := append([]string{"--pid", strconv.Itoa(server.Pid), "--warmup", "100ms"}, flags...)
	r = measureLenient(t, args...)
	if !server.Alive() {
		t.Fatalf("the server did not live on:\n%s", server.Output())
	}
	return r, server.Pid
}

// rollup reads a process's smaps_rollup, bytes.
func rollup(t *testing.T, pid int) map[string]int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[2] == "kB" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[strings.TrimSuffix(fields[0], ":")] = kb * 1024
		}
	}
	return out
}

func TestTheResidentSetIsAsProcHasIt(t *testing.T) {
	r, pid := remember(t, nil, "--duration", "2s", "--rate", "2000")
	m, proc := r.Memory, rollup(t, pid)
	// It rests since the final look.
	if m.RSSFinalBytes != proc["Rss"] || m.Final.RSSBytes != proc["Rss"] || m.Final.AnonBytes != proc["Anonymous"] {
		t.Errorf("final %d, %+v; /proc has %v", m.RSSFinalBytes, m.Final, proc)
	}
	if m.Source != "smaps_rollup" || !m.Settled || m.RSSPeakBytes < max(m.RSSBaselineBytes, m.RSSFinalBytes) {
		t.Errorf("got %+v", m)
	}
	if len(m.Curve) < 8 || m.Curve[0].RSSBytes != m.RSSBaselineBytes || m.Curve[len(m.Curve)-1].RSSBytes != m.RSSFinalBytes {
		t.Errorf("curve %+v", m.Curve)
	}
	answered := r.Load.Requests.OK
	if last := m.Curve[len(m.Curve)-1].Requests; last < answered {
		t.Errorf("the curve ends at %d requests, %d were counted without the warm-up", last, answered)
	}
	if m.Leak == nil || m.Leak.Verdict != results.LeakInconclusive {
		t.Errorf("two seconds can't tell: %+v", m.Leak)
	}
}

func TestAShortPeakIsSeen(t *testing.T) {
	const spike = 50 << 20
	// The kernel notes VmHWM by a count that may be 64 pages a CPU behind.
	behind := int64(64 * os.Getpagesize() * runtime.NumCPU())
	for name, c := range map[string]struct {
		before  string // taken once before the run
		earlier bool
	}{"the largest ever": {"4096", false}, "after a larger one": {strconv.Itoa(3 * spike), true}} {
		t.Run(name, func(t *testing.T) {
			r, _ := remember(t, []string{"--before", c.before, "--mode", "spike", "--size", strconv.Itoa(spike), "--at", "1000", "--hold-ms", "50"},
				"--duration", "2s", "--rate", "1000", "--budget", "50")
			m := r.Memory
			if grown := m.RSSPeakBytes - m.RSSBaselineBytes; grown < spike-behind || grown > spike+spike/10 {
				t.Errorf("50 MiB were there for 50 ms; the peak (%s) is %d above the baseline", m.PeakSource, grown)
			}
			if m.EarlierPeak != c.earlier || c.earlier && m.LifePeak < 3*spike {
				t.Errorf("earlier %v, life peak %d; want %+v", m.EarlierPeak, m.LifePeak, c)
			}
			// A page fault a page, in so many requests.
			if n := float64(r.Load.Requests.OK); m.FaultsPerRequest == nil || *m.FaultsPerRequest*n < spike/4096*0.9 {
				t.Errorf("%d pages were touched: %v faults a request", spike/4096, m.FaultsPerRequest)
			}
		})
	}
}

// judged runs 30,000 requests in a mode and gives the verdict on them.
func judged(t *testing.T, arguments ...string) *results.Leak {
	t.Helper()
	r, _ := remember(t, arguments, "--requests", "30000", "--rate", "6000", "--connections", "4")
	l := r.Memory.Leak
	t.Logf("%v: %s after %d looks: %s", arguments, l.Verdict, len(r.Memory.Curve), l.Reason)
	if l.BytesPer1000 != nil {
		t.Logf("%.0f bytes per 1,000 requests, %.0f to %.0f", *l.BytesPer1000, l.Interval[0], l.Interval[1])
	}
	return l
}

func TestALeakShowsInTheResidentSet(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		perBlock  float64 // what a block takes of the heap
	}{
		"128 bytes a request":   {[]string{"--mode", "leak", "--size", "128"}, 144},
		"4,096 bytes":           {[]string{"--mode", "leak", "--size", "4096"}, 4112},
		"pages that are mapped": {[]string{"--mode", "leak-mmap", "--size", "4096", "--every", "2"}, 2048},
	} {
		t.Run(name, func(t *testing.T) {
			leak := judged(t, c.arguments...)
			if leak.Verdict != results.LeakFound || *leak.BytesPer1000 < 800*c.perBlock || *leak.BytesPer1000 > 1200*c.perBlock {
				t.Errorf("got %+v", leak)
			}
		})
	}
}

func TestNewMemoryIsTracedToWhoTakesIt(t *testing.T) {
	const every = 4
	r, _ := remember(t, []string{"--mode", "leak-mmap", "--size", "8192", "--every", strconv.Itoa(every)},
		"--duration", "3s", "--rate", "1000", "--budget", "50")
	find := func(list []results.MemoryOrigin, kind, function string) (count, bytes int64) {
		for _, o := range list {
			if o.Kind == kind && slices.Contains(o.Frames, function) {
				count, bytes = count+o.Count, bytes+o.Bytes
			}
		}
		return count, bytes
	}
	var probed int64
	for _, s := range r.Run.Slices {
		if s.Mode == results.Probed.String() {
			probed += s.Requests
		}
	}
	maps, bytes := find(r.Memory.Growth, "mmap", "leak_mmap")
	// The probes are on a little longer than the slices.
	if maps < probed/every*9/10 || maps > probed || bytes != maps*8192 {
		t.Errorf("%d mappings of %d bytes by leak_mmap, with %d requests: %+v", maps, bytes, probed, r.Memory.Growth)
	}
	faults, _ := find(r.Memory.Faults, "fault", "leak_mmap")
	if faults < maps*2*9/10 || faults > maps*2*11/10+100 {
		t.Errorf("%d page faults in leak_mmap, which mapped %d times two pages: %+v", faults, maps, r.Memory.Faults)
	}
	if slices.IndexFunc(r.Memory.Faults, func(o results.MemoryOrigin) bool { return slices.Contains(o.Frames, "main") }) < 0 {
		t.Errorf("no path leads to main: %+v", r.Memory.Faults)
	}
}

func TestMassifSeesTheHeapOfACommand(t *testing.T) {
	kerneltest.Tool(t, "valgrind")
	socket := filepath.Join(openFolder(t), "s")
	out := filepath.Join(t.TempDir(), "run")
	kerneltest.Privileged(t)
	// Some 0.6 MB are leaked; a busy machine may answer more slowly than asked.
	got := ipcprobe(t, "run", "--quiet", "--valgrind", "--out", out, "--duration", "2s", "--rate", "200", "--connections", "2",
		"--budget", "50", "--", // so short a run has few samples
		peer.Build(t, "growth"), "--socket", socket, "--mode", "leak", "--size", "1000")
	if got.code != exitDone && got.code != exitInvalid {
		t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	r := readResult(t, out)
	v := r.Memory.Massif
	if v == nil {
		t.Fatalf("nothing of massif: %q", r.Warnings)
	}
	last := r.Memory.Curve[len(r.Memory.Curve)-1].Requests
	if least := last * 1000; v.PeakBytes < least || v.PeakBytes > least+(1<<20) || len(v.Snapshots) < 5 {
		t.Errorf("%d requests kept 1,000 bytes each; peak %d in %d snapshots", last, v.PeakBytes, len(v.Snapshots))
	}
	if len(v.Sites) == 0 || !slices.ContainsFunc(v.Sites, func(s results.MassifSite) bool { return strings.Contains(s.Function, "growthmodes.h") }) {
		t.Errorf("sites %+v", v.Sites)
	}
	text, err := os.ReadFile(filepath.Join(out, "massif.out"))
	if err != nil || !strings.HasPrefix(string(text), "desc:") {
		t.Errorf("massif.out: %.40q, %v", text, err)
	}
	if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "valgrind") }) {
		t.Errorf("no word of what valgrind slows: %q", r.Warnings)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "ipcprobe-massif-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestValgrindWithoutACommandIsRefused(t *testing.T) {
	kerneltest.Privileged(t)
	checkRefusal(t, ipcprobe(t, "run", "--valgrind", "--pid", strconv.Itoa(os.Getpid())), "give its command behind --")
	checkRefusal(t, ipcprobe(t, "run", "--valgrind"), "give its command behind --")
	checkRefusal(t, ipcprobe(t, "run", "--valgrind", "--heap", "--", "/bin/true"), "leave one out")
}
