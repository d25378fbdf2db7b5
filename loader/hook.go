// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// hook is a loaded program and where it belongs.
type hook struct {
	name    string
	spec    *ebpf.ProgramSpec
	program *ebpf.Program
	// What it was loaded with.
	of         *ebpf.CollectionSpec
	collection *ebpf.Collection
	types      *btf.Spec
}

// early are the programs that attach first, in this order: what makes state
// before what needs it, and before all what stores a thread's as it leaves its CPU.
var early = [...]string{
	bpf.ProbeProgSchedSwitch,
	bpf.ProbeProgSysEnter, bpf.ProbeProgSysExit,
	bpf.ProbeProgSchedWakeup, bpf.ProbeProgSchedWaking,
	bpf.ProbeProgSkDataReady, bpf.ProbeProgSockRecvLength, bpf.ProbeProgSockSendLength,
}

// hooksOf lists what Attach puts on: all programs of a collection that hang on a
// tracepoint or a function of the kernel.
func hooksOf(spec *ebpf.CollectionSpec, collection *ebpf.Collection, types *btf.Spec) []hook {
	var hooks []hook
	for name, program := range collection.Programs {
		switch program.Type() {
		case ebpf.Tracing, ebpf.RawTracepoint, ebpf.TracePoint, ebpf.Kprobe:
			hooks = append(hooks, hook{name, spec.Programs[name], program, spec, collection, types})
		}
	}
	place := func(h hook) int {
		if i := slices.Index(early[:], h.name); i >= 0 {
			return i
		}
		return len(early)
	}
	slices.SortFunc(hooks, func(a, b hook) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.name, b.name))
	})
	return hooks
}

// attach puts the program on its hook.
func (h *hook) attach() (link.Link, error) {
	l, err := h.attachOnce()
	if errors.Is(err, unix.ENOENT) && h.program.Type() == ebpf.Tracing {
		// Before 5.13 (f3a95075549e) a program on a trampoline that was taken off
		// can't be put on again.
		if err := h.reload(); err != nil {
			return nil, err
		}
		return h.attachOnce()
	}
	return l, err
}

// reload puts a new program with the same maps in the place of the old one.
func (h *hook) reload() error {
	spec := &ebpf.CollectionSpec{
		Maps: make(map[string]*ebpf.MapSpec), Types: h.of.Types, ByteOrder: h.of.ByteOrder,
		Programs: map[string]*ebpf.ProgramSpec{h.name: h.spec},
	}
	maps.Copy(spec.Maps, h.of.Maps)
	options := ebpf.CollectionOptions{MapReplacements: h.collection.Maps, Programs: ebpf.ProgramOptions{KernelTypes: h.types}}
	fresh, err := ebpf.NewCollectionWithOptions(spec, options)
	if err != nil {
		return fmt.Errorf("load %s again: %w", h.name, err)
	}
	defer fresh.Close()
	old := h.program
	h.program = fresh.DetachProgram(h.name)
	h.collection.Programs[h.name] = h.program
	return old.Close()
}

func (h *hook) attachOnce() (link.Link, error) {
	switch {
	case h.program.Type() == ebpf.RawTracepoint:
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: h.spec.AttachTo, Program: h.program})
	case h.program.Type() == ebpf.TracePoint:
		group, name, _ := strings.Cut(h.spec.AttachTo, "/")
		return link.Tracepoint(group, name, h.program, nil)
	case strings.HasPrefix(h.spec.SectionName, "kretprobe/"):
		return link.Kretprobe(h.spec.AttachTo, h.program, nil)
	case h.program.Type() == ebpf.Kprobe:
		return link.Kprobe(h.spec.AttachTo, h.program, nil)
	default:
		return link.AttachTracing(link.TracingOptions{Program: h.program})
	}
}
