// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// octaveBits is OCTAVE_BITS of bpf/src/record.h.
const octaveBits = 4

// Calls reads the table of system calls, summed over all slices so far.
func (p *Probes) Calls() ([]results.CallTable, error) {
	owners, err := p.slotOwners()
	if err != nil {
		return nil, err
	}
	var tables []results.CallTable
	for number := range p.objects.Calls.MaxEntries() {
		table, any, err := p.callTable(number, owners)
		if err != nil {
			return nil, err
		}
		if any {
			tables = append(tables, table)
		}
	}
	return tables, nil
}

func (p *Probes) callTable(number uint32, owners []slotOwner) (table results.CallTable, any bool, err error) {
	if err := p.addThreads(&table, number, owners); err != nil || table.Calls == 0 {
		return table, false, err
	}
	var cpus []bpf.ProbeCallTable
	if err := p.objects.Calls.Lookup(number, &cpus); err != nil {
		return table, false, fmt.Errorf("read the table of system calls: %w", err)
	}
	addCPUs(&table, cpus)
	table.Name, table.Moves = nameOf(number), moves[nameOf(number)]
	table.Waits = waits[table.Name]
	return table, true, nil
}

// addCPUs adds what each CPU has kept of a call.
func addCPUs(table *results.CallTable, cpus []bpf.ProbeCallTable) {
	var duration [len(bpf.ProbeCallTable{}.Duration)]int64
	for i := range cpus {
		cpu := &cpus[i]
		table.OffCPUNs += int64(cpu.OffCpuNs)
		table.IdleNs += int64(cpu.IdleNs)
		table.AsleepNs += int64(cpu.AsleepNs)
		for bucket, count := range cpu.Duration {
			duration[bucket] += int64(count)
		}
		for errno, count := range cpu.Errors {
			if count > 0 {
				if table.Errors == nil {
					table.Errors = make(map[int]int64)
				}
				table.Errors[errno] += int64(count)
			}
		}
	}
	for bucket, count := range duration {
		if count > 0 {
			low, high := bounds(bucket)
			table.Buckets = append(table.Buckets, results.Bucket{Low: low, High: high, Count: count})
		}
	}
}

// bounds is the range [low, high) ns of a bucket: the inverse of bucket_of in
// bpf/src/syscall.h. The first 2^octaveBits buckets are 1 ns wide, each octave
// above has 2^octaveBits of equal width.
func bounds(bucket int) (low, high int64) {
	const per = 1 << octaveBits
	if bucket < per {
		return int64(bucket), int64(bucket) + 1
	}
	octave := bucket/per - 1
	low = int64(bucket-octave*per) << octave
	return low, low + 1<<octave
}
