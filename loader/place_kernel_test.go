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

// cpuBits is more than the number of any CPU that a set can hold.
const cpuBits = 1024

// apart gives a process a CPU to itself and all others to this one until the test's
// end; with only one they share it.
func apart(t *testing.T, pid int) {
	t.Helper()
	if machine.Count() < 2 {
		return
	}
	own, rest := one(), machine
	for cpu := range cpuBits {
		if own.IsSet(cpu) {
			rest.Clear(cpu)
		}
	}
	place(t, pid, own)
	place(t, os.Getpid(), rest)
	t.Cleanup(func() { place(t, os.Getpid(), machine) })
}

// together has both on one CPU. Afterwards this process has all again.
func together(t *testing.T, pid int) {
	t.Helper()
	place(t, pid, one())
	place(t, os.Getpid(), one())
	t.Cleanup(func() { place(t, os.Getpid(), machine) })
}

// one is the last CPU of the machine.
func one() (set unix.CPUSet) {
	for cpu := cpuBits - 1; cpu >= 0; cpu-- {
		if machine.IsSet(cpu) {
			set.Set(cpu)
			break
		}
	}
	return set
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
