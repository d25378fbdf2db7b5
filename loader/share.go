// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// counted is the stretch in which calls and samples counted, and how many there
// were when it began and in the slice before: what the next chance follows from.
type counted struct {
	begin, end int64 // CLOCK_MONOTONIC, ns
	before     [2]uint64
	shifts     [2]uint32 // of stays off the CPU and of calls
	known      bool
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
	if err := p.objects.OffCpuShift.Set(c.shifts[0]); err != nil {
		return fmt.Errorf("set the share of stays off the CPU that are followed: %w", err)
	}
	if err := p.objects.CallShift.Set(c.shifts[1]); err != nil {
		return fmt.Errorf("set the share of calls whose stack is taken: %w", err)
	}
	return nil
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
	if c.begin == 0 || length <= 0 {
		return nil
	}
	loss, err := p.Loss()
	if err != nil {
		return err
	}
	for i, program := range [...]bpf.ProbeProgram{bpf.ProbeProgramPROGRAM_OFF_CPU_STACK, bpf.ProbeProgramPROGRAM_CALL_STACK} {
		seen := loss.Programs[program].Seen
		c.shifts[i] = shiftFor(seen-c.before[i], length)
		c.before[i] = seen
	}
	c.known, c.begin = true, 0
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

// Drain makes room for samples where the ring is half full, and looks for code
// that the target has loaded meanwhile. Call it now and then while the probes are
// on; it costs a look at shared memory when there is nothing to do.
func (p *Probes) Drain() error {
	if err := p.refreshOnMisses(); err != nil {
		return err
	}
	if p.sampler == nil || p.sampler.reader.AvailableBytes() < p.sampler.reader.BufferSize()/2 {
		return nil
	}
	return p.sampler.samples.drain()
}

// monotonic reads CLOCK_MONOTONIC, ns: the clock of the probes.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return now.Nano()
}
