// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bytes"
	"fmt"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// slotCount is SLOTS of bpf/src/record.h. Slot 0 is of all threads that found the
// others taken.
const slotCount = 64

// slotOwner is a slot that was given to a thread, or is shared.
type slotOwner struct {
	slot uint32
	bpf.ProbeSlotOwner
}

// slotOwners lists the slots that can hold anything.
func (p *Probes) slotOwners() ([]slotOwner, error) {
	var taken uint32
	if err := p.objects.SlotsTaken.Get(&taken); err != nil {
		return nil, fmt.Errorf("read the number of threads: %w", err)
	}
	var owners []slotOwner
	for slot := range min(taken+1, slotCount) {
		if slot == 0 && taken < slotCount {
			continue // nobody had to share it
		}
		owner := slotOwner{slot: slot}
		if err := p.objects.Slots.Lookup(slot, &owner.ProbeSlotOwner); err != nil {
			return nil, fmt.Errorf("read the threads' names: %w", err)
		}
		owners = append(owners, owner)
	}
	return owners, nil
}

// addThreads adds what each thread has done of a call.
func (p *Probes) addThreads(table *results.CallTable, number uint32, owners []slotOwner) error {
	for i := range owners {
		owner := &owners[i]
		var call bpf.ProbeThreadCall
		err := p.objects.ThreadCalls.Lookup(owner.slot*p.objects.Calls.MaxEntries()+number, &call)
		if err != nil {
			return fmt.Errorf("read the calls of thread %d: %w", owner.Thread, err)
		}
		if call.Calls == 0 {
			continue
		}
		table.Calls += int64(call.Calls)
		table.TotalNs += int64(call.TotalNs)
		table.Bytes += int64(call.Bytes)
		table.Threads = append(table.Threads, results.ThreadCalls{
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
