// SPDX-License-Identifier: Apache-2.0

//go:build linux

package memory

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	bpf "github.com/ipcprobe/ipcprobe/bpf/memory"
)

// Options say whom to watch. Both are required.
type Options struct {
	Target int                  // process id, in the root PID namespace
	Shared map[string]*ebpf.Map // with the other probes, by the names that they have in the object
}

// Probes are the loaded programs. One goroutine owns them.
type Probes struct {
	collection *ebpf.Collection
	faults     link.Link // nil: detached
	noFaults   error     // why page faults are not seen; nil: they are
}

// unused are maps of bpf/src/state.h that no program here refers to.
var unused = []string{"threads", "ends", "cpus", "family"}

// Open loads the programs; nothing is attached. It needs what the other probes
// do, and nothing more.
func Open(options Options) (*Probes, error) {
	spec, err := bpf.LoadMemory()
	if err != nil {
		return nil, fmt.Errorf("read the embedded memory probes: %w", err)
	}
	for _, name := range unused {
		delete(spec.Maps, name)
	}
	for name, m := range options.Shared {
		if own := spec.Maps[name]; own != nil {
			own.MaxEntries = m.MaxEntries()
		}
	}
	if err := spec.Variables["target_tgid"].Set(uint32(options.Target)); err != nil {
		return nil, fmt.Errorf("set target_tgid: %w", err)
	}
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: options.Shared})
	if err != nil {
		return nil, fmt.Errorf("load the memory probes: %w", err)
	}
	return &Probes{collection: collection}, nil
}

// Attach puts the probe of page faults on. Where the kernel has no tracepoint for
// them (arm64 before 6.14) none is seen: NoFaults says so.
func (p *Probes) Attach() {
	options := link.RawTracepointOptions{Name: "page_fault_user", Program: p.collection.Programs["touched"]}
	p.faults, p.noFaults = link.AttachRawTracepoint(options)
}

// NoFaults says why page faults were not seen, or nil.
func (p *Probes) NoFaults() error { return p.noFaults }

// Detach takes the probe off; it is idempotent.
func (p *Probes) Detach() error {
	if p.faults == nil {
		return nil
	}
	err := p.faults.Close()
	p.faults = nil
	return err
}

// Close detaches and frees everything; it is idempotent.
func (p *Probes) Close() error {
	err := p.Detach()
	p.collection.Close()
	return err
}
