// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// slotCount is SLOTS of bpf/src/record.h. Slot 0 is of all threads that found the
// others taken.
const slotCount = 64

// callsByThread gives, for each number of a system call, its sums by thread.
func (p *Probes) callsByThread() (map[uint32][]results.ThreadCalls, error) {
	var taken uint32
	if err := p.objects.SlotsTaken.Get(&taken); err != nil {
		return nil, fmt.Errorf("read the number of threads: %w", err)
	}
	all := make(map[uint32][]results.ThreadCalls)
	for slot := range min(taken+1, slotCount) {
		if slot == 0 && taken < slotCount {
			continue // nobody had to share it
		}
		if err := p.callsOfSlot(slot, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (p *Probes) callsOfSlot(slot uint32, all map[uint32][]results.ThreadCalls) error {
	var owner bpf.ProbeSlotOwner
	if err := p.objects.Slots.Lookup(slot, &owner); err != nil {
		return fmt.Errorf("read the threads' names: %w", err)
	}
	for number := range p.objects.Calls.MaxEntries() {
		var call bpf.ProbeThreadCall
		err := p.objects.ThreadCalls.Lookup(slot*p.objects.Calls.MaxEntries()+number, &call)
		if err != nil {
			return errors.Join(fmt.Errorf("read the calls of thread %d", owner.Thread), err)
		}
		if call.Calls == 0 {
			continue
		}
		all[number] = append(all[number], results.ThreadCalls{
			Thread: owner.Thread, Process: owner.Process, Name: commOf(owner.Name),
			Calls: int64(call.Calls), TotalNs: int64(call.TotalNs), Failed: int64(call.Failed),
		})
	}
	return nil
}

// commOf is the name of a thread as the kernel keeps it, up to its NUL.
func commOf(name [16]int8) string {
	var text [len(name)]byte
	for i, c := range name {
		text[i] = byte(c)
	}
	before, _, _ := bytes.Cut(text[:], []byte{0})
	return string(before)
}
