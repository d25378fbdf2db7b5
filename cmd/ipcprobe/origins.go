// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/memory"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
)

// originsMost is how many call paths of each kind result.json lists.
const originsMost = 20

// followMemory loads the probes that say where memory comes from. A run without
// them lacks that part and nothing else.
func (m *measurement) followMemory(probes *loader.Probes) *memory.Probes {
	p, err := memory.Open(memory.Options{Target: m.server.target.PID, Shared: probes.SharedMaps()})
	if err != nil {
		m.warn("where the target's memory comes from is not known: %v", err)
		return nil
	}
	return p
}

func (d *driver) attachOrigins() {
	if d.origins != nil {
		d.origins.Attach()
	}
}

func (d *driver) detachOrigins() error {
	if d.origins == nil {
		return nil
	}
	return d.origins.Detach()
}

// takeOrigins takes what was seen, with names.
func (m *measurement) takeOrigins(p *memory.Probes, names *symbol.Process) error {
	if p == nil {
		return nil
	}
	faults, growth, lost, err := p.Origins(names)
	if err != nil {
		return err
	}
	if lost > 0 {
		m.warn("%d page faults or calls that change the address space found no room and are not in their tables", lost)
	}
	if err := p.NoFaults(); err != nil {
		m.warn("who touches new memory is not known: this kernel has no tracepoint for page faults")
	}
	m.faults = faults[:min(len(faults), originsMost)]
	m.growth = growth[:min(len(growth), originsMost)]
	return nil
}
