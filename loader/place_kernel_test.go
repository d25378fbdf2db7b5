// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// machine is the CPUs that this process had when it began.
var machine = func() (set unix.CPUSet) {
	_ = unix.SchedGetaffinity(0, &set)
	return set
}()

// apart gives a process the last CPU to itself and all others to this one until the
// test's end; with only one they share it.
func apart(t *testing.T, pid int) {
	t.Helper()
	if machine.Count() < 2 {
		return
	}
	own, rest := unix.CPUSet{}, machine
	own.Set(lastCPU())
	rest.Clear(lastCPU())
	move(t, pid, own, rest)
}

// together has both on the last CPU.
func together(t *testing.T, pid int) {
	t.Helper()
	var one unix.CPUSet
	one.Set(lastCPU())
	move(t, pid, one, one)
}

// move places a process, and this one until the test's end.
func move(t *testing.T, pid int, theirs, ours unix.CPUSet) {
	t.Helper()
	place(t, pid, theirs)
	place(t, os.Getpid(), ours)
	t.Cleanup(func() { place(t, os.Getpid(), machine) })
}

// lastCPU is the highest number in machine.
func lastCPU() int {
	cpu := 1023 // no set holds a higher one
	for !machine.IsSet(cpu) {
		cpu--
	}
	return cpu
}

// place moves all threads of a process. One that begins meanwhile goes where the
// thread is that made it, so a second round finds it.
func place(t *testing.T, pid int, set unix.CPUSet) {
	t.Helper()
	for range 2 {
		tasks, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
				t.Fatal(err)
			}
		}
	}
}
