// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestMemoryFollowsTheTarget(t *testing.T) {
	s := run(t, "ready", "line", "touch", "ready", "line", "exit=0")
	sampler, err := StartSampler(s.target(t), 5*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	s.next(t)
	s.awaitReady(t)
	if err := sampler.Close(); err != nil {
		t.Fatal(err)
	}
	r := sampler.Record()
	first, last := r.Looks[0], r.Looks[len(r.Looks)-1]
	if first.RSS <= 0 || last.RSS > first.RSS+32<<20 {
		t.Errorf("the memory was given back, but: %+v, %+v", first, last)
	}
	// Between two looks or not: VmHWM has seen it.
	if grown := last.Peak - first.RSS; grown < 60<<20 {
		t.Errorf("64 MiB were touched, the peak grew by %d bytes: %+v", grown, last)
	}
	if last.Minor-first.Minor < 16<<10 {
		t.Errorf("64 MiB were touched with %d page faults", last.Minor-first.Minor)
	}
	if first.Source != "smaps_rollup" && first.Source != "status" {
		t.Errorf("source %q", first.Source)
	}
	now := sampler.Now()
	if now.Anon <= 0 || now.File <= 0 || now.Anon > now.RSS || now.PSS > now.RSS || now.Peak < now.RSS {
		t.Errorf("figures that can't be: %+v", now)
	}
	if err := sampler.Close(); err != nil {
		t.Error(err)
	}
}

func TestMemoryOfATargetThatEnds(t *testing.T) {
	s := run(t, "ready", "line", "exit=0")
	sampler, err := StartSampler(s.target(t), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	s.next(t)
	eventually(t, "the end", sampler.Ended)
	if err := sampler.Close(); err != nil {
		t.Error(err)
	}
	r := sampler.Record()
	if !r.Ended || len(r.Looks) == 0 || r.Looks[0].RSS <= 0 {
		t.Errorf("got %+v", r)
	}
	_ = s.Wait()
	if _, err := StartSampler(&Target{PID: s.Process.Pid}, 0); err == nil {
		t.Error("watches a process that has ended")
	}
}

func TestMemoryFallsBackToStatus(t *testing.T) {
	r, err := OpenMemory(run(t, "ready", "wait").target(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.rollup != nil {
		r.rollup.Close()
		r.rollup = nil
	}
	m, err := r.Read()
	if err != nil || m.Source != "status" || m.RSS <= 0 || m.PSS != -1 || m.Anon <= 0 {
		t.Errorf("got %+v, %v", m, err)
	}
}

// The clock has to count threads that have ended, and to agree with the
// kernel's other accounts of the same time.
func TestClockCountsWhatWasSpent(t *testing.T) {
	s := run(t, "ready", "line", "spin=300ms", "ready", "line", "exit=0")
	target := s.target(t)
	c, err := OpenClock(target)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	s.next(t)
	s.awaitReady(t)
	after, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	spent, elapsed := after.Total-before.Total, after.At-before.At
	if spent <= 0 || elapsed < int64(300*time.Millisecond) || spent > elapsed*int64(runtime.NumCPU()) {
		t.Errorf("spent %d ns in %d ns", spent, elapsed)
	}
	// It sleeps now, so all accounts are up to date.
	split := after.User + after.Kernel
	if c.Exact() && (after.Total < split || after.Total-split > 3*tickLength()) {
		t.Errorf("total %d ns, user and kernel %d ns", after.Total, split)
	}
	var living int64
	threads := crowd{pid: target.PID}
	threads.list()
	for _, m := range threads.threads {
		living += int64(m.used)
	}
	threads.close()
	again, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	if c.Exact() && (living < spent/2 || living > again.Total) {
		t.Errorf("its threads spent %d ns, the process %d to %d", living, after.Total, again.Total)
	}
	s.next(t)
	_ = s.Wait()
	_, err = c.Read()
	checkEnded(t, err)
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := OpenClock(target); err == nil {
		t.Error("opened the clock of a process that has ended")
	}
}

func checkEnded(t *testing.T, err error) {
	t.Helper()
	checkError(t, err, Ended, "ended")
}

func TestClockReadsWithoutAllocating(t *testing.T) {
	c, err := OpenProcessClock(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.Read(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a reading", n)
	}
}

func BenchmarkClock(b *testing.B) {
	c, err := OpenProcessClock(os.Getppid())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		if _, err := c.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPlacementSeesWhoRan(t *testing.T) {
	idle := run(t, "ready", "wait")
	busy := run(t, "ready", "spin=20s")
	p := StartPlacement(busy.Process.Pid, idle.Process.Pid)
	eventually(t, "a busy target", func() bool { return len(p.Seen().TargetCPUs) > 0 })
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	seen := p.Seen()
	for _, cpu := range seen.TargetCPUs {
		if cpu < 0 || cpu >= runtime.NumCPU()+1024 {
			t.Errorf("CPU %d", cpu)
		}
	}
	if seen.GeneratorCPUs == nil {
		t.Error("no list is not an empty list")
	}
	same := StartPlacement(busy.Process.Pid, busy.Process.Pid)
	defer same.Close()
	eventually(t, "looks at both", func() bool { return same.Seen().SharedPct > 0 })
	gone := StartPlacement(1<<22, 1<<22)
	if err := gone.Close(); err != nil || gone.Seen().SharedPct != 0 || len(gone.Seen().TargetCPUs) != 0 {
		t.Errorf("saw %+v of nothing, %v", gone.Seen(), err)
	}
}

func TestEnvironmentIsThisMachine(t *testing.T) {
	e := ReadEnvironment()
	if e.Kernel == "unknown" || e.Kernel == "" || e.CPUs < 1 || e.CPUModel == "" || e.Lockdown == "" {
		t.Errorf("got %+v", e)
	}
	before, err := MachineTicks()
	if err != nil {
		t.Fatal(err)
	}
	if before.Total == 0 || before.Idle > before.Total {
		t.Errorf("got %+v", before)
	}
}

// BenchmarkMemory is what a look and a glance cost; the target is this test's parent.
func BenchmarkMemory(b *testing.B) {
	target, err := Inspect(b.Context(), os.Getppid())
	if err != nil {
		b.Fatal(err)
	}
	r, err := OpenMemory(target)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.Run("look", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Read(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("glance", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Glance(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
