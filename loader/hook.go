// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// hook is a loaded program and where it belongs.
type hook struct {
	name    string
	spec    *ebpf.ProgramSpec
	program *ebpf.Program
}

// early are the programs that attach first, in this order: what makes state
// before what needs it.
var early = [...]string{
	bpf.ProbeProgSysEnter, bpf.ProbeProgSysExit,
	bpf.ProbeProgSchedSwitch, bpf.ProbeProgSchedWakeup, bpf.ProbeProgSchedWaking,
	bpf.ProbeProgSkDataReady, bpf.ProbeProgSockRecvLength, bpf.ProbeProgSockSendLength,
}

// hooksOf lists what Attach puts on: all programs of a collection that hang on a
// tracepoint or a function of the kernel.
func hooksOf(spec *ebpf.CollectionSpec, collection *ebpf.Collection) []hook {
	var hooks []hook
	for name, program := range collection.Programs {
		switch program.Type() {
		case ebpf.Tracing, ebpf.RawTracepoint, ebpf.Kprobe:
			hooks = append(hooks, hook{name, spec.Programs[name], program})
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
	switch {
	case h.program.Type() == ebpf.RawTracepoint:
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: h.spec.AttachTo, Program: h.program})
	case strings.HasPrefix(h.spec.SectionName, "kretprobe/"):
		return link.Kretprobe(h.spec.AttachTo, h.program, nil)
	case h.program.Type() == ebpf.Kprobe:
		return link.Kprobe(h.spec.AttachTo, h.program, nil)
	default:
		return link.AttachTracing(link.TracingOptions{Program: h.program})
	}
}
