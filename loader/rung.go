// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/bpf/rung"
)

// Rung names where the hooks of a socket hang. The scheduler and the system calls
// are seen from tracepoints on all of them.
type Rung string

// The ladder. Every rung but the last gives the same figures, to some hundred ns.
const (
	TPBTF Rung = "tp_btf" // the socket's own tracepoints
	// Tracepoint is TPBTF's tracepoints by way of perf events, where programs on raw
	// ones can be preempted.
	Tracepoint Rung = "tracepoint"
	Fentry     Rung = "fentry"  // trampolines on the functions around them
	Kprobe     Rung = "kprobe"  // breakpoints on the same
	Syscall    Rung = "syscall" // none: system calls on its descriptors; queue wait is not seen
)

// step is what there is to know of a rung.
type step struct {
	rung  Rung
	spec  func() (*ebpf.CollectionSpec, error)
	hooks string // for a user
	gives string
	needs string
}

// ladder is in the order in which the rungs are tried: the cheapest to the
// target that gives most first.
var ladder = [...]step{
	{TPBTF, bpf.LoadProbe, "socket tracepoints", "everything", "Linux 6.3 with BTF"},
	{Tracepoint, rung.LoadPerf, "socket tracepoints, by perf events", "everything, dearer", "Linux 6.3 with BTF and tracefs"},
	{Fentry, rung.LoadFentry, "function trampolines", "everything", "Linux 5.8 with BTF and BPF trampolines"},
	{Kprobe, rung.LoadKprobe, "function breakpoints", "everything, dearer", "Linux 5.8 with CONFIG_KPROBES"},
	{Syscall, rung.LoadSyscall, "system calls", "all but queue wait and send call", "Linux 5.8"},
}

// ParseRung reads the name of a rung; the empty name stands for the best that
// works, and is returned as it is.
func ParseRung(name string) (Rung, error) {
	var names []string
	for _, s := range ladder {
		if name == "" || name == string(s.rung) {
			return Rung(name), nil
		}
		names = append(names, string(s.rung))
	}
	return "", fmt.Errorf("%q is no rung of the ladder; there are %s", name, strings.Join(names, ", "))
}

// SeesQueue says whether the rung sees when bytes are queued on the server's
// socket: without, send call and queue wait are not known.
func (r Rung) SeesQueue() bool { return r != Syscall }

// typed says whether the rung's programs are typed: TYPED of bpf/src/kernel.h.
func (r Rung) typed() bool { return r == TPBTF }

// losesWherePreempted says whether the rung has programs that do not run where
// another thread was preempted inside them. Raw tracepoints and trampolines are
// such hooks, on the kernels that preemptible finds.
func (r Rung) losesWherePreempted() bool { return r != Tracepoint }

// steps are the rungs to try: the one that is asked for, or all. Where hooks can be
// preempted the rung that loses nothing comes first.
func steps(asked Rung, preempted bool) []step {
	for i := range ladder {
		if ladder[i].rung == asked {
			return ladder[i : i+1]
		}
	}
	all := slices.Clone(ladder[:])
	if preempted {
		slices.SortStableFunc(all, func(a, b step) int {
			return cmp.Compare(rank(a.rung), rank(b.rung))
		})
	}
	return all
}

func rank(r Rung) int {
	if r.losesWherePreempted() {
		return 1
	}
	return 0
}
