// SPDX-License-Identifier: Apache-2.0

//go:build linux

package memory

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	bpf "github.com/ipcprobe/ipcprobe/bpf/memory"
)

// Options say whom to watch. Both are required.
type Options struct {
	Target int                  // process id, in the root PID namespace
	Unwind map[string]*ebpf.Map // the unwind tables, by the names that they have in the object
}

// Probes are the loaded programs. One goroutine owns them.
type Probes struct {
	target     int
	collection *ebpf.Collection
	links      []link.Link
	noFaults   error // why page faults are not seen; nil: they are

	slices  int    // that have been begun
	changes uint64 // of the address space, up to the slice before
	until   int    // slices until it is looked for growth again
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
	for name, m := range options.Unwind {
		if own := spec.Maps[name]; own != nil {
			own.MaxEntries = m.MaxEntries()
		}
	}
	if err := spec.Variables["target_tgid"].Set(uint32(options.Target)); err != nil {
		return nil, fmt.Errorf("set target_tgid: %w", err)
	}
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: options.Unwind})
	if err != nil {
		return nil, fmt.Errorf("load the memory probes: %w", err)
	}
	return &Probes{target: options.Target, collection: collection}, nil
}

// Attach puts the probes on. Page faults are not seen where the kernel has no
// tracepoint for them (arm64 before 6.14): NoFaults says so. On an error none stays.
func (p *Probes) Attach() error {
	if err := p.collection.Variables["last_brk"].Set(heapEnd(p.target)); err != nil {
		return fmt.Errorf("set last_brk: %w", err)
	}
	if p.looks() {
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sys_exit", Program: p.collection.Programs["grown"]})
		if err != nil {
			return fmt.Errorf("attach to sys_exit: %w", err)
		}
		p.links = append(p.links, l)
	}
	var l link.Link
	if l, p.noFaults = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "page_fault_user", Program: p.collection.Programs["touched"]}); p.noFaults == nil {
		p.links = append(p.links, l)
	}
	return nil
}

// seldom is how many slices lie between two looks at a target that asks for no
// memory: the probe runs at every system call, and would cost some percent of a
// server that does little else, for nothing.
const seldom = 4

// looks decides whether the target's growth is followed in the slice that begins: in
// the first one, and as long as there is some; else in every fourth.
func (p *Probes) looks() bool {
	var changes uint64
	if p.collection.Variables["changes"].Get(&changes) != nil {
		return true
	}
	p.slices++
	if grew := changes != p.changes; grew || p.slices == 1 {
		p.changes, p.until = changes, seldom
		return true
	}
	if p.until--; p.until > 0 {
		return false
	}
	p.until = seldom
	return true
}

// NoFaults says why page faults were not seen, or nil.
func (p *Probes) NoFaults() error { return p.noFaults }

// Detach takes the probes off; it is idempotent.
func (p *Probes) Detach() error {
	var errs []error
	for _, l := range p.links {
		errs = append(errs, l.Close())
	}
	p.links = p.links[:0]
	return errors.Join(errs...)
}

// Close detaches and frees everything; it is idempotent.
func (p *Probes) Close() error {
	err := p.Detach()
	p.collection.Close()
	return err
}

// heapEnd is the end of the process's [heap]: its break, rounded up to a page; 0
// where it has none or can't be read. Growth up to the first brk is then not known.
func heapEnd(pid int) uint64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if !strings.HasSuffix(line, "[heap]") {
			continue
		}
		_, rest, _ := strings.Cut(line, "-")
		end, _, _ := strings.Cut(rest, " ")
		v, err := strconv.ParseUint(end, 16, 64)
		if err != nil {
			return 0
		}
		return v
	}
	return 0
}
