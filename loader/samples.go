// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// sampleBytes is the part of a sample before its frames: only those that
	// there are follow, so it is cut shorter than its type.
	sampleBytes  = int(unsafe.Offsetof(bpf.ProbeSample{}.Frames))
	absenceBytes = int(unsafe.Sizeof(bpf.ProbeAbsence{}))
	// wantStacks is how many stacks a second are taken of threads that leave
	// their CPU, and as many of those that enter a call: enough for shares
	// within a point or two, at a thousandth of a core or so.
	wantStacks = 400
	// firstShift is the chance of the first slice, 1 in 64: nothing is known yet.
	firstShift = 6
	maxShift   = 20
)

// samples decodes what the samplers left in the ring, slice after slice.
type samples struct {
	reader *ringbuf.Reader
	record ringbuf.Record
	whole  bpf.ProbeSample // the record, at the length of its type
	stacks *stacks
	slice  []results.Sample // of the slice, in the ring's order
	away   map[uint32]int   // thread → its sample in slice, until it is back
	taken  [results.CallEntry + 1]int64
}

func newSamples(reader *ringbuf.Reader) *samples {
	return &samples{reader: reader, stacks: newStacks(), away: make(map[uint32]int)}
}

// begin forgets the samples of the last slice, not their stacks.
func (s *samples) begin() {
	s.slice = s.slice[:0]
	clear(s.away)
	clear(s.taken[:])
}

// drain reads what is in the ring and returns; it never waits.
func (s *samples) drain() error { return s.each(s.decode) }

// discard empties the ring.
func (s *samples) discard() error { return s.each(func([]byte) error { return nil }) }

// each hands what is in the ring to do, one record after the other.
func (s *samples) each(do func([]byte) error) error {
	s.reader.SetDeadline(time.Unix(1, 0))
	for {
		err := s.reader.ReadInto(&s.record)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the samples' ring: %w", err)
		}
		if err := do(s.record.RawSample); err != nil {
			return err
		}
	}
}

// decode takes one record: a sample, or the end of a stay off the CPU.
func (s *samples) decode(raw []byte) error {
	switch n := len(raw); {
	case n >= sampleBytes:
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&s.whole)), unsafe.Sizeof(s.whole)), raw)
		s.sample(&s.whole)
	case n >= absenceBytes:
		s.absence((*bpf.ProbeAbsence)(unsafe.Pointer(&raw[0])))
	default:
		return fmt.Errorf("read the samples' ring: a record of %d bytes", n)
	}
	return nil
}

func (s *samples) sample(b *bpf.ProbeSample) {
	kind := results.SampleKind(b.Kind)
	if kind < results.OnCPU || kind > results.CallEntry {
		return
	}
	sample := results.Sample{
		At: int64(b.AtNs), Thread: b.Thread, Stack: s.stacks.add(b),
		Kind: kind, Weight: int64(max(1, b.Weight)),
	}
	switch kind {
	case results.CallEntry:
		sample.Call = nameOf(b.Number)
	case results.OffCPU:
		s.away[b.Thread] = len(s.slice)
		if b.Number != sleptOutside {
			sample.Call = nameOf(b.Number)
		}
	}
	s.taken[kind]++
	s.slice = append(s.slice, sample)
}

// sleptOutside is SLEPT_OUTSIDE of bpf/src/record.h.
const sleptOutside = 0xffffffff

// sleptUpstream is SLEPT_UPSTREAM there.
const sleptUpstream = 0xfffffffe

// absence ends the stay off the CPU that a sample began.
func (s *samples) absence(b *bpf.ProbeAbsence) {
	i, away := s.away[b.Thread]
	if !away || s.slice[i].At != int64(b.OffNs) {
		return // its sample found no room, and that is counted
	}
	delete(s.away, b.Thread)
	sample := &s.slice[i]
	slept := max(0, int64(b.WokenNs)-sample.At)
	if idles(b.SleptIn) {
		sample.Idle = slept
	} else {
		sample.Blocked = slept
	}
	sample.RunQueue = max(0, int64(b.RanNs)-max(int64(b.WokenNs), sample.At))
}

// end closes the stays that the slice did not see the end of, at the slice's.
func (s *samples) end(at int64) []results.Sample {
	for _, i := range s.away {
		sample := &s.slice[i]
		if waits[sample.Call] {
			sample.Idle = max(0, at-sample.At)
		} else {
			sample.Blocked = max(0, at-sample.At)
		}
	}
	clear(s.away)
	return s.slice
}

// shiftFor is the chance (1 in 2^shift) at which a slice of some length, which
// had so many events, would have given wantStacks a second.
func shiftFor(events uint64, length time.Duration) uint32 {
	var shift uint32
	for want := wantStacks * length.Seconds(); shift < maxShift && float64(events) > want; shift++ {
		events /= 2
	}
	return shift
}
