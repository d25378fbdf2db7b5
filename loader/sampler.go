// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// sampler takes CPU samples on a software clock of each CPU (perf cpu-clock); the
// program keeps those that find the target running.
//
// An event a thread would be stopped and started at each context switch, which
// in a virtual machine means leaving it for the timer: a server that sleeps
// between requests lost a quarter of its throughput so, and most of its samples
// fell on the end of the switch, where the timer was due at once.
type sampler struct {
	program *ebpf.Program
	reader  *ringbuf.Reader
	period  time.Duration
	events  []int // perf event descriptors of the slice
	samples *samples
}

func openSampler(program *ebpf.Program, samples *ebpf.Map, o Options) (*sampler, error) {
	reader, err := ringbuf.NewReader(samples)
	if err != nil {
		return nil, unsupported("map the samples' ring", err)
	}
	return &sampler{
		program: program,
		reader:  reader,
		period:  time.Second / time.Duration(o.SampleHz),
		samples: newSamples(reader),
	}, nil
}

// attach starts the clock of each CPU that is online.
func (s *sampler) attach() error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count the CPUs: %w", err)
	}
	for cpu := range cpus {
		event, err := s.open(cpu)
		if errors.Is(err, unix.ENODEV) {
			continue // offline
		}
		if err != nil {
			refusal := unsupported("sample the target's CPU time", err)
			var u *Unsupported
			if refusedByRights(err) && errors.As(refusal, &u) {
				u.Remedy = samplingRemedy(os.ReadFile)
			}
			return refusal
		}
		s.events = append(s.events, event)
	}
	return nil
}

// open starts the clock of one CPU. The program is set by ioctl: perf event
// links came with 5.15, the ioctl works everywhere.
func (s *sampler) open(cpu int) (int, error) {
	attr := unix.PerfEventAttr{
		Type:   unix.PERF_TYPE_SOFTWARE,
		Size:   uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Config: unix.PERF_COUNT_SW_CPU_CLOCK,
		Sample: uint64(s.period),
		Bits:   unix.PerfBitDisabled,
	}
	event, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	err = unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_SET_BPF, s.program.FD())
	if err == nil {
		err = unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_ENABLE, 0)
	}
	if err != nil {
		unix.Close(event)
		return -1, err
	}
	return event, nil
}

func (s *sampler) detach() error {
	var errs []error
	for _, event := range s.events {
		errs = append(errs, unix.Close(event))
	}
	s.events = s.events[:0]
	return errors.Join(errs...)
}

func (s *sampler) close() error {
	return errors.Join(s.detach(), s.reader.Close())
}
