// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// AttachLean puts on one program that counts the target's sends on connections
// that it accepted, and does nothing else. It is what runs in the bare
// slices of traffic that is not ours, of which nobody else knows the rate. Only
// with Options.Watch; Detach takes it off.
func (p *Probes) AttachLean() error {
	if p.attached {
		return errors.New("attach the counter of answers: the probes are already attached")
	}
	p.attached = true
	if err := p.setLean(true); err != nil {
		return errors.Join(err, p.Detach())
	}
	if err := p.followChildren(); err != nil {
		return errors.Join(err, p.Detach())
	}
	for i := range p.hooks {
		if !counter(p.rung, p.hooks[i].name) {
			continue
		}
		l, err := p.hooks[i].attach()
		if err != nil {
			return errors.Join(unsupported("attach the counter of answers", err), p.Detach())
		}
		p.links = append(p.links, l)
	}
	return nil
}

// counter says whether a program of the rung is one that sees what is sent.
func counter(rung Rung, program string) bool {
	switch rung {
	case Kprobe:
		return program == bpf.ProbeProgSockSendLength || program == "send_begins"
	case Syscall:
		return program == bpf.ProbeProgSysExit
	default:
		return program == bpf.ProbeProgSockSendLength
	}
}

func (p *Probes) setLean(on bool) error {
	var value uint32
	if on {
		value = 1
	}
	if err := p.objects.Lean.Set(value); err != nil {
		return fmt.Errorf("choose what the probes do: %w", err)
	}
	return nil
}

// Sends is how many sends on accepted connections were counted since Open, by
// AttachLean's program at all times, by the others while Count is on.
func (p *Probes) Sends() (int64, error) {
	cpus, err := p.cpus.read()
	if err != nil {
		return 0, err
	}
	var sends uint64
	for i := range cpus {
		sends += cpus[i].Traffic.LeanSends + cpus[i].Traffic.Sends
	}
	return int64(sends), nil
}

// Flows reads what was counted of the traffic on the target's accepted
// connections since Open. Only with Options.Watch.
func (p *Probes) Flows() (results.Flows, error) {
	var f results.Flows
	cpus, err := p.cpus.read()
	if err != nil {
		return f, err
	}
	for i := range cpus {
		t := &cpus[i].Traffic
		f.Answers += int64(t.Answers)
		f.Timed += int64(t.Timed)
		f.Pipelined += int64(t.Piped)
		f.Streamed += int64(t.Streamed)
		f.Unclear += int64(t.Unclear)
		f.Pieces += int64(t.Pieces)
		f.Parts += int64(t.Parts)
		f.Pushes += int64(t.Pushes)
		f.Sends += int64(t.Sends)
		f.BytesOut += int64(t.BytesOut)
		f.Receives += int64(t.Receives)
		f.BytesIn += int64(t.BytesIn)
		f.Connections += int64(t.Connections)
		f.PipelinedConnections += int64(t.PipedConnections)
		f.StreamedConnections += int64(t.StreamedConnections)
	}
	for leg := range f.Legs {
		if f.Legs[leg], err = p.flowLeg(uint32(leg)); err != nil {
			return f, err
		}
	}
	return f, nil
}

// flowLeg adds up one leg over the CPUs. An exchange may have been counted on one
// and taken out on another: only the sum means anything.
func (p *Probes) flowLeg(leg uint32) (results.FlowSum, error) {
	var cpus []bpf.ProbeDurations
	if err := p.objects.FlowLegs.Lookup(leg, &cpus); err != nil {
		return results.FlowSum{}, fmt.Errorf("read the legs of the traffic: %w", err)
	}
	sum := results.FlowSum{Buckets: make([]results.Bucket, len(bpf.ProbeDurations{}.Bucket))}
	for bucket := range sum.Buckets {
		low, high := bounds(bucket)
		sum.Buckets[bucket] = results.Bucket{Low: low, High: high}
	}
	for i := range cpus {
		sum.Count += int64(cpus[i].Count)
		sum.TotalNs += int64(cpus[i].TotalNs)
		for bucket, count := range cpus[i].Bucket {
			sum.Buckets[bucket].Count += int64(count)
		}
	}
	return sum, nil
}

// callsAgain is how many readings of CallTotals pass between two looks at all
// calls: the tables of all CPUs are some MiB where there are many.
const callsAgain = 16

// CallTotals is Calls without the threads, for reading often: mostly it looks only
// at calls that were seen before, so one that is new may come in late.
func (p *Probes) CallTotals() ([]results.CallTable, error) {
	whole := p.callReadings%callsAgain == 0
	p.callReadings++
	if p.callsSeen == nil {
		p.callsSeen = make([]bool, p.objects.Calls.MaxEntries())
	}
	owners, err := p.slotOwners()
	if err != nil {
		return nil, err
	}
	var tables []results.CallTable
	for number := range p.objects.Calls.MaxEntries() {
		if !whole && !p.callsSeen[number] {
			continue
		}
		table, any, err := p.callTable(number, owners)
		if err != nil {
			return nil, err
		}
		if any {
			p.callsSeen[number] = true
			tables = append(tables, table)
		}
	}
	return tables, nil
}
