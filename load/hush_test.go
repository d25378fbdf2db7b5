// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// traced are the threads of a process that somebody traces.
func traced(t *testing.T, pid int) (tids []string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		if _, rest, ok := strings.Cut(string(text), "TracerPid:\t"); ok && !strings.HasPrefix(rest, "0\n") {
			tids = append(tids, filepath.Base(filepath.Dir(file)))
		}
	}
	return tids
}

// switches is how often a thread gave up its CPU by itself, so far.
func switches(t *testing.T, pid int, tid string) (n int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, tid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:\t")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTheChildsRuntimeIsQuiet: the thread of Go's runtime that naps stands still, the
// load goes on without it, in any order of orders, and ends in good order.
func TestTheChildsRuntimeIsQuiet(t *testing.T) {
	if scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && strings.TrimSpace(string(scope)) > "1" && os.Geteuid() != 0 {
		t.Logf("tracing is forbidden here (ptrace_scope %s): all is as it was", scope)
		return
	}
	for _, shape := range []func(*Options){
		func(o *Options) { o.Connections = 4 },
		func(o *Options) { o.Connections, o.Threads = 4, 2 },
		func(o *Options) { o.Rate = "2000" },
	} {
		s := startServer(t, answering(goodAnswer))
		o := testOptions(s)
		shape(&o)
		g := spawnTest(t, o)
		if _, err := g.Ready(); err != nil {
			t.Fatal(err)
		}
		pid := g.PID()
		begin(t, g, 0, results.Warmup)
		var tids []string
		for range 200 {
			if tids = traced(t, pid); len(tids) > 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if len(tids) != 1 {
			t.Fatalf("%d threads of the child are stopped, want the one that naps", len(tids))
		}
		time.Sleep(50 * time.Millisecond) // it may have been seized and not stopped yet
		still := switches(t, pid, tids[0])
		for i := 1; i < 4; i++ {
			begin(t, g, i, results.Bare)
			if _, err := g.Sync(5 * time.Second); err != nil {
				t.Fatal(err)
			}
			from := s.requests.Load()
			for s.requests.Load() < from+200 {
				time.Sleep(time.Millisecond)
			}
			if slice, _, err := g.End(i - 1); err != nil || slice.Counts().OK == 0 && i > 1 {
				t.Fatalf("slice %d: %+v, %v", i-1, slice.Counts(), err)
			}
		}
		if n := switches(t, pid, tids[0]); n > still+2 {
			t.Errorf("the thread went on: it gave up its CPU %d times", n-still)
		}
		totals, err := g.Stop()
		if err != nil || totals.Counts.OK == 0 || totals.Counts.Failed() > 0 {
			t.Errorf("ended with %+v, %v", totals.Counts, err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := unix.Kill(pid, 0); err == nil {
			t.Error("the child is still there")
		}
	}
}

func TestAKilledChildIsTakenNoteOf(t *testing.T) {
	s := startServer(t, answering(goodAnswer))
	g := spawnTest(t, testOptions(s))
	if _, err := g.Ready(); err != nil {
		t.Fatal(err)
	}
	begin(t, g, 0, results.Warmup)
	time.Sleep(300 * time.Millisecond)
	if err := unix.Kill(g.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-g.Failed():
	case <-time.After(10 * time.Second):
		t.Fatal("its end was not told")
	}
	_ = g.Close() // says how it ended
	if err := unix.Kill(g.PID(), 0); err == nil {
		t.Error("the child is still there")
	}
}
