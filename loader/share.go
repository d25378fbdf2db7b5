// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// counted is the stretch in which calls and samples count, and what share of the
// stays off the CPU, and of the calls, a stack is taken of in it.
type counted struct {
	begin, end int64     // CLOCK_MONOTONIC, ns
	before     [2]uint64 // stays and calls until then
	shifts     [2]uint32 // 1 in 2^shift of them
	known      bool      // from the slice before
}

// noStacks is OFF_CPU_NONE and CALL_NONE of bpf/src.
const noStacks = 32

// setShifts tells the probes what share of the stays off the CPU, and of the
// calls, to take a stack of.
func (p *Probes) setShifts() error {
	c := &p.counted
	if p.sampler == nil {
		c.shifts = [2]uint32{noStacks, noStacks}
	} else {
		p.sampler.samples.begin()
		if !c.known {
			c.shifts = [2]uint32{firstShift, firstShift}
		}
	}
	if !p.carried.Calls() { // no call is seen: nor which one a thread leaves its CPU in
		return p.tellShifts([2]uint32{noStacks, noStacks})
	}
	return p.tellShifts(c.shifts)
}

func (p *Probes) tellShifts(shifts [2]uint32) error {
	if err := p.objects.OffCpuShift.Set(shifts[0]); err != nil {
		return fmt.Errorf("set the share of stays off the CPU that are followed: %w", err)
	}
	if err := p.objects.CallShift.Set(shifts[1]); err != nil {
		return fmt.Errorf("set the share of calls whose stack is taken: %w", err)
	}
	return nil
}

// thinOut lowers the shares of a first slice that has more events than were guessed:
// of a million calls a second one in 64 would cost the target some percent. length is
// how long it has counted.
func (p *Probes) thinOut(length time.Duration) error {
	c := &p.counted
	if c.known || !p.carried.Calls() {
		return nil
	}
	seen, err := p.forStacks()
	if err != nil {
		return err
	}
	for i := range c.shifts {
		c.shifts[i] = max(c.shifts[i], shiftFor(seen[i]-c.before[i], length))
	}
	return p.tellShifts(c.shifts)
}

// forStacks is how many stays off the CPU and calls there were since Open.
func (p *Probes) forStacks() (n [2]uint64, err error) {
	cpus, err := p.cpus.read()
	if err != nil {
		return n, err
	}
	for i := range cpus {
		n[0] += cpus[i].Accounts[bpf.ProbeProgramPROGRAM_OFF_CPU_STACK].Seen
		n[1] += cpus[i].Accounts[bpf.ProbeProgramPROGRAM_CALL_STACK].Seen
	}
	return n, nil
}

// endSamples reads the rest of the slice's samples, and settles the chance for
// the next slice.
func (p *Probes) endSamples() error {
	if p.sampler == nil {
		return nil
	}
	if err := p.sampler.samples.drain(); err != nil {
		return err
	}
	p.sampler.samples.end(p.counted.end)
	c := &p.counted
	length := time.Duration(c.end - c.begin)
	begin := c.begin
	c.begin = 0
	if begin == 0 || length <= 0 || !p.carried.Calls() {
		return nil
	}
	seen, err := p.forStacks()
	if err != nil {
		return err
	}
	for i := range c.shifts {
		c.shifts[i] = shiftFor(seen[i]-c.before[i], length)
	}
	c.known = true
	return nil
}

// Samples are those of the slice that Collect has read last. They are valid
// until the next Attach.
func (p *Probes) Samples() []results.Sample {
	if p.sampler == nil {
		return nil
	}
	return p.sampler.samples.slice
}

// monotonic reads CLOCK_MONOTONIC, ns: the clock of the probes.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return now.Nano()
}
