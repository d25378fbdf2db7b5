// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// TestAnotherProcessUnderTheSameNumber gives the number of a target that has ended
// to another process of the very same program, and asks everything that could take
// one for the other.
func TestAnotherProcessUnderTheSameNumber(t *testing.T) {
	kerneltest.Root(t)
	first := exec.Command("sleep", "60")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	pid := first.Process.Pid
	target, err := Inspect(context.Background(), pid)
	if err != nil {
		t.Fatal(err)
	}
	vigil := StartVigil(target)
	defer vigil.Close()
	watcher, err := Watch(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	clock, err := OpenClock(target)
	if err != nil {
		t.Fatal(err)
	}
	defer clock.Close()
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	awaitDone(t, watcher)
	// The kernel tells when a process began in ticks of 10 ms. A number takes longer
	// to come round again, unless it is chosen.
	time.Sleep(30 * time.Millisecond)
	startAs(t, pid)

	checkError(t, target.Check(), Ended, "its number belongs to another process")
	if _, err := target.Sockets(t.Context()); err == nil {
		t.Error("the sockets of another process were taken for the target's")
	}
	if w, err := Watch(t.Context(), target); err == nil {
		w.Close()
		t.Error("another process was watched in the target's place")
	}
	if c, err := OpenClock(target); err == nil {
		c.Close()
		t.Error("another process's CPU time was taken for the target's")
	}
	if cpu, err := clock.Read(); err == nil {
		t.Errorf("an open clock reads another process: %+v", cpu)
	}
	if err := target.CheckRunning(); err != nil {
		t.Errorf("it speaks of another process: %v", err)
	}
	if said := vigil.Disturbances(); len(said) > 0 {
		t.Errorf("the vigil speaks of another process: %q", said)
	}
}

// startAs starts a sleep under a number that is free: the kernel counts on from the
// last one that it was told of, so nobody else is kept from one.
func startAs(t *testing.T, pid int) {
	t.Helper()
	for range 500 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			kerneltest.Skip(t, "can't choose the number of a process: "+err.Error())
			return
		}
		next := exec.Command("sleep", "60")
		if err := next.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = next.Process.Kill() // ended already where it was the wrong one
			_ = next.Wait()
		})
		if next.Process.Pid == pid {
			return
		}
		_ = next.Process.Kill()
		_ = next.Wait()
	}
	kerneltest.Skip(t, "others took the number each time")
}
