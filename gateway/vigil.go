// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// vigilPace is how often a vigil looks. What is over between two looks goes by
// unseen, but for a suspended machine, whose clocks keep the sum.
const vigilPace = 100 * time.Millisecond

// tracedLooks is how many looks in a row must find the target halted by a tracer:
// a debugger's user thinks for longer than a second.
const tracedLooks = 10

// suspendedLeast is the least gap between CLOCK_BOOTTIME and CLOCK_MONOTONIC that
// counts: above what two readings of clocks lie apart, below any sleep.
const suspendedLeast = 10 * time.Millisecond

// Vigil looks, while something is measured, for what makes its figures those of
// something else: the target stands still because somebody stopped it, it runs
// another program, the machine slept, or has other CPUs than at the beginning. A
// look takes some system calls, about 20 µs, ten times a second. One that is nil
// has seen nothing.
type Vigil struct {
	senses senses
	end    func() // of the looks
	once   sync.Once

	mu       sync.Mutex
	gap      time.Duration // boot time less monotonic time, at the beginning
	cpus     string
	last     time.Time // of the look before
	halted   bool      // at that look
	traced   int       // looks in a row that found it halted by a tracer
	stopped  time.Duration
	stops    int
	slept    time.Duration
	other    string // another list of CPUs, the first that was seen
	replaced bool   // it runs another program
}

// senses are what a vigil learns from; tests have others. An error is of a target
// that has ended, or of a text that isn't there: somebody else's to tell.
type senses struct {
	state  func() (byte, error)         // the target's, as /proc/PID/stat has it
	exec   func() (bool, error)         // it runs another program
	clocks func() (time.Duration, bool) // CLOCK_BOOTTIME less CLOCK_MONOTONIC
	cpus   func() (string, error)       // those that are online: "0-3"
	now    func() time.Time
}

// CheckRunning refuses a target that somebody has stopped: an *Error with reason
// Halted. What is sent to it waits, and to hang up on what waits can kill it once
// it goes on.
func (t *Target) CheckRunning() error {
	for range 5 { // a tracer halts it for a moment at each call
		s, err := readStat(t.PID)
		if err != nil || s.State != 'T' && s.State != 't' {
			return nil // what is wrong besides is found by others
		}
		if s.State == 'T' {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return &Error{Reason: Halted, Tried: fmt.Sprintf("load process %d (%s)", t.PID, Printable(t.Name)),
		Said: "it is stopped, by SIGSTOP, a debugger or a terminal",
		Next: fmt.Sprintf("continue it first: kill -CONT %d", t.PID)}
}

// StartVigil begins to look. The caller calls Close.
func StartVigil(t *Target) *Vigil {
	stat, _ := os.Open(procPath(t.PID, "stat")) // nil can't be read: of a target that has ended
	online, _ := os.Open("/sys/devices/system/cpu/online")
	v := newVigil(senses{
		state: func() (byte, error) {
			s, err := statAgain(stat)
			if err == nil && s.Start != t.Start {
				err = errors.New("another process")
			}
			return s.State, err
		},
		exec: func() (bool, error) {
			file, err := fileOf(procPath(t.PID, "exe"))
			return err == nil && file != t.file, err
		},
		clocks: sleepClocks,
		cpus:   func() (string, error) { return cpuList(online) },
		now:    time.Now,
	})
	stop := looks.each(vigilPace, func() time.Duration {
		v.look()
		return vigilPace
	})
	v.end = func() {
		stop()
		v.look()
		closeAll(-1, stat, online)
	}
	return v
}

func newVigil(s senses) *Vigil {
	v := &Vigil{senses: s, last: s.now()}
	v.gap, _ = s.clocks()
	v.cpus, _ = s.cpus()
	v.look()
	return v
}

// Close takes a last look and ends the vigil. It may be called again.
func (v *Vigil) Close() {
	v.once.Do(v.end)
}

// look takes one look at everything.
func (v *Vigil) look() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.senses.now()
	passed := now.Sub(v.last)
	v.last = now
	if state, err := v.senses.state(); err == nil {
		// A tracer such as strace halts its target at each call, for a moment.
		v.traced++
		if state != 't' {
			v.traced = 0
		}
		halted := state == 'T' || v.traced >= tracedLooks
		switch {
		case halted && v.halted:
			v.stopped += passed
		case halted:
			v.stops++
		}
		v.halted = halted
		if other, err := v.senses.exec(); err == nil && other {
			v.replaced = true
		}
	}
	if gap, ok := v.senses.clocks(); ok && gap-v.gap > v.slept {
		v.slept = gap - v.gap
	}
	if cpus, err := v.senses.cpus(); err == nil && cpus != v.cpus && v.other == "" {
		v.other = cpus
	}
}

// Halted says that the target stood still when it was last looked at.
func (v *Vigil) Halted() bool {
	if v == nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.halted
}

// Disturbances says in words what was seen, nothing when all was well. Each is a
// reason not to trust what was measured meanwhile.
func (v *Vigil) Disturbances() []string {
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var said []string
	if v.stops > 0 {
		said = append(said, fmt.Sprintf("the target was stopped (SIGSTOP, a debugger or a frozen job) %s for %s or so: the figures are those of the pause",
			times(v.stops), v.stopped.Round(vigilPace)+vigilPace))
	}
	if v.halted {
		said = append(said, "the target still stands still; continue it with kill -CONT")
	}
	if v.replaced {
		said = append(said, "the target ran another program (exec) in the middle; measure again once that has started up")
	}
	if v.slept >= suspendedLeast {
		said = append(said, fmt.Sprintf("the machine was suspended for %s in the middle", v.slept.Round(time.Millisecond)))
	}
	if v.other != "" {
		said = append(said, fmt.Sprintf("the machine's CPUs changed in the middle: %s were online, then %s", v.cpus, v.other))
	}
	return said
}

func times(n int) string {
	if n == 1 {
		return "once,"
	}
	return fmt.Sprintf("%d times,", n)
}

// sleepClocks is CLOCK_BOOTTIME less CLOCK_MONOTONIC: how long the machine has
// been suspended since it was booted. Both stand beside wall-clock time, so that
// one who steps that changes neither.
func sleepClocks() (time.Duration, bool) {
	best, gap := time.Duration(1<<62), time.Duration(0)
	for range 3 { // the reading that was disturbed least
		var before, boot, after unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &before) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil ||
			unix.ClockGettime(unix.CLOCK_MONOTONIC, &after) != nil {
			return 0, false
		}
		if width := time.Duration(after.Nano() - before.Nano()); width < best {
			best, gap = width, time.Duration(boot.Nano()-before.Nano()-width.Nanoseconds()/2)
		}
	}
	return gap, true
}

// cpuList is the kernel's list of the CPUs that are online, read from its open file.
func cpuList(online *os.File) (string, error) {
	var text [4096]byte
	n, err := online.ReadAt(text[:], 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return Printable(strings.TrimSpace(string(text[:n]))), err
}
