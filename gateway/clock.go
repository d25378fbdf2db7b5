// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// Clock reads the CPU time of a process, all its threads together, ended ones
// included. A reading costs three system calls and allocates nothing.
//
// Total is the process's CPU clock (clock_getcpuclockid(3)), the scheduler's
// own sum in ns. A thread that runs while it is read counts up to its last
// scheduler tick (1 to 10 ms, CONFIG_HZ), so the difference of two readings is
// off by at most a tick for each thread that was running, and exact for those
// that slept. It is the sum of /proc/PID/task/*/schedstat and of the threads
// that have ended, which schedstat forgets.
//
// User and Kernel are utime and stime of /proc/PID/stat: the kernel divides the
// scheduler's sum in the ratio of its tick samples and rounds each to a clock
// tick of 10 ms, so their sum is Total less at most two ticks. Their
// difference between two readings is meant to be read as a ratio.
type Clock struct {
	pid   int
	id    int32
	exact bool // the CPU clock works; else Total is User + Kernel
	stat  *os.File
	text  [2048]byte
}

// OpenClock opens the CPU clock of a target.
func OpenClock(t *Target) (*Clock, error) {
	c, err := OpenProcessClock(t.PID)
	if err != nil {
		return nil, err
	}
	if err := t.Check(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// OpenProcessClock opens the CPU clock of a process of our own, which can't have
// ended and been replaced unnoticed: the load generator.
func OpenProcessClock(pid int) (*Clock, error) {
	tried := fmt.Sprintf("read the CPU time of process %d", pid)
	stat, err := os.Open(procPath(pid, "stat"))
	if err != nil {
		return nil, processError(tried, pid, err)
	}
	// The kernel's encoding: the complement of the PID, then CPUCLOCK_SCHED.
	const scheduler = 2
	c := &Clock{pid: pid, id: int32(^pid<<3 | scheduler), stat: stat}
	var ts unix.Timespec
	c.exact = unix.ClockGettime(c.id, &ts) == nil
	if _, err := c.Read(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Exact says whether Total is the scheduler's sum. It is not where a sandbox
// hides the CPU clocks of other processes; then it is a sum of clock ticks.
func (c *Clock) Exact() bool { return c.exact }

// Read takes a reading. The error is an *Error with reason Ended once the
// process has ended and been collected by its parent; until then, as a zombie,
// its clocks stand still and can be read.
func (c *Clock) Read() (results.CPUTime, error) {
	var cpu results.CPUTime
	var now, used unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return cpu, fmt.Errorf("read the monotonic clock: %w", err)
	}
	var clockErr error
	if c.exact {
		clockErr = unix.ClockGettime(c.id, &used)
	}
	// The open file is bound to the process, the clock's id to its number. That
	// the file still answers after the clock was read proves the number right.
	n, err := c.stat.ReadAt(c.text[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return cpu, processError(fmt.Sprintf("read the CPU time of process %d", c.pid), c.pid, err)
	}
	if clockErr != nil {
		return cpu, processError(fmt.Sprintf("read the CPU time of process %d", c.pid), c.pid, clockErr)
	}
	user, kernel, err := cpuTicks(c.text[:n])
	if err != nil {
		return cpu, fmt.Errorf("read the CPU time of process %d: %w", c.pid, err)
	}
	cpu = results.CPUTime{At: now.Nano(), Total: used.Nano(),
		User: int64(user) * tickLength(), Kernel: int64(kernel) * tickLength()}
	if !c.exact {
		cpu.Total = cpu.User + cpu.Kernel
	}
	return cpu, nil
}

// Close closes the clock. It may be called again.
func (c *Clock) Close() error {
	if c.stat == nil {
		return nil
	}
	err := c.stat.Close()
	c.stat = nil
	return err
}
