// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// chunkRecords is CHUNK of bpf/src/tape.h: the records a CPU takes at once.
const chunkRecords = 256

// roomForDefault is more records than a tape of the default length holds.
const roomForDefault = 1 << 19

const recordBytes = int(unsafe.Sizeof(bpf.ProbeRecord{}))

// recordsIn is how many records that much memory holds: whole chunks, or a part
// of one where it is too little for that.
func recordsIn(bytes int) uint32 {
	records := max(1, bytes/recordBytes)
	if records > chunkRecords {
		records -= records % chunkRecords
	}
	return uint32(records)
}

// chunksOf is the number of chunks of so many records; the last may be cut short.
func chunksOf(records uint32) uint32 { return (records + chunkRecords - 1) / chunkRecords }

// window is how much of the tape is mapped at once, bytes: what is mapped of a map is
// resident, read or not. A multiple of a record and of any page.
const window = 4 << 20

// tape is the reader's side of the flat record array that the probes write.
type tape struct {
	array   *ebpf.Map
	records int            // that it holds
	taken   *ebpf.Variable // chunks handed out; may pass the number there are
	dealt   bool           // each CPU has its own chunks, and taken is a hint
}

func openTape(m *ebpf.Map, taken *ebpf.Variable, dealt bool) (*tape, error) {
	t := &tape{array: m, records: int(m.MaxEntries()), taken: taken, dealt: dealt}
	return t, t.each(1, func([]bpf.ProbeRecord) {}) // it is told now when that can't be done
}

// each shows the first n records, as many at a time as a window holds. They are the
// kernel's own, and gone when see returns.
func (t *tape) each(n int, see func([]bpf.ProbeRecord)) error {
	page := unix.Getpagesize()
	for at := 0; at < n; at += window / recordBytes {
		some := min(n-at, window/recordBytes)
		size := (some*recordBytes + page - 1) / page * page
		memory, err := unix.Mmap(t.array.FD(), int64(at*recordBytes), size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return unsupported("map the records' memory", err)
		}
		see(unsafe.Slice((*bpf.ProbeRecord)(unsafe.Pointer(&memory[0])), some))
		if err := unix.Munmap(memory); err != nil {
			return fmt.Errorf("unmap the records' memory: %w", err)
		}
	}
	return nil
}

// chunksTaken is how many chunks hold records.
func (t *tape) chunksTaken() int {
	var taken uint64
	if err := t.taken.Get(&taken); err != nil {
		return 0
	}
	return int(min(taken, uint64(chunksOf(uint32(t.records)))))
}

// used is how many slots stand in chunks that were handed out.
func (t *tape) used() int { return min(t.chunksTaken()*chunkRecords, t.records) }

func (t *tape) usedPct() float64 {
	return 100 * float64(t.used()) / float64(t.records)
}

// reset makes the tape empty. Only while the probes are detached.
func (t *tape) reset(cpus *cpus) error {
	if err := t.taken.Set(uint64(0)); err != nil {
		return fmt.Errorf("rewind the records' memory: %w", err)
	}
	states, err := cpus.read()
	if err != nil {
		return err
	}
	for i := range states {
		states[i].Running = nobody // whose state was loaded there may run elsewhere now
		// A full chunk: the CPU's first record takes a new one.
		states[i].Tape = chunkRecords
		if t.dealt {
			// The CPU's next chunk is len(states) further on: its own first.
			states[i].Tape |= uint64(uint32(i-len(states))) << 16
		}
	}
	return cpus.write(states)
}

// decode appends the records to dst and empties their slots. Records of one
// CPU are in order of time within a chunk; across chunks they are not sorted.
func (t *tape) decode(dst []results.Observation) ([]results.Observation, error) {
	used := t.used()
	n := used // a few slots of the last chunks may be empty
	if t.dealt {
		used, n = t.records, 0
		err := t.each(used, func(records []bpf.ProbeRecord) {
			for i := range records {
				n += int(min(records[i].Kind, 1))
			}
		})
		if err != nil {
			return dst, err
		}
	}
	if len(dst)+n > cap(dst) {
		// Once for all slices: what append would leave behind on its way to some
		// tens of MB is a multiple of them. What is not written is not resident.
		room := max(n+n/4, min(t.records, roomForDefault))
		dst = append(make([]results.Observation, 0, len(dst)+room), dst...)
	}
	err := t.each(used, func(records []bpf.ProbeRecord) {
		for i := range records {
			if r := &records[i]; r.Kind != 0 {
				dst = append(dst, observe(r))
				r.Kind = 0
			}
		}
	})
	return dst, err
}

// observe puts a record into the words of results.
func observe(r *bpf.ProbeRecord) results.Observation {
	return results.Observation{
		Begin:    int64(r.BeginNs),
		At:       int64(r.AtNs),
		Cookie:   r.Cookie,
		Position: r.Position,
		Bytes:    r.Bytes,
		Thread:   r.Thread,
		Kind:     results.ObservationKind(r.Kind),
		Clocks: results.Clocks{
			Kernel:   int64(r.KernelNs),
			Blocked:  int64(r.BlockedNs),
			Upstream: int64(r.UpstreamNs),
			RunQueue: int64(r.RunQueueNs),
		},
		Sleep: results.Sleep{
			Began: int64(r.SleptNs),
			Woken: int64(r.WokenNs),
			Ran:   int64(r.RanNs),
			Idle:  idles(r.SleptIn),

			Upstream: r.SleptIn == sleptUpstream,
		},
		Work: results.Work{
			Took:  int64(r.TookNs),
			Done:  int64(r.DoneNs),
			Delay: int64(r.DelayNs),
		},
	}
}
