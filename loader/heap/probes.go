// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	bpf "github.com/ipcprobe/ipcprobe/bpf/heap"
	"github.com/ipcprobe/ipcprobe/loader/mapping"
)

// Options say whom to watch.
type Options struct {
	Target    int                  // process id of the server, in the root PID namespace
	Allocator string               // what --allocator said; empty: found
	Unwind    map[string]*ebpf.Map // unwind tables, by the names of unwind.h's maps; nil: callers alone are known
	MaxBlocks uint32               // blocks that can be followed at once; default 4 Mi, of some 150 bytes each where they are held
}

const defaultBlocks = 4 << 20

// Probes are the loaded programs. One goroutine owns them.
type Probes struct {
	Allocator *Allocator
	options   Options
	objects   bpf.HeapObjects
	loaded    bool
	links     []link.Link
	clock     bool // answered_bytes is kept
}

// Open finds the allocator and loads the programs; nothing is attached. It needs
// user probes and CAP_BPF with CAP_PERFMON. A target that can't be watched is an
// *Unmeasurable.
func Open(options Options) (*Probes, error) {
	if options.MaxBlocks == 0 {
		options.MaxBlocks = defaultBlocks
	}
	allocator, err := Find(options.Target, options.Allocator)
	if err != nil {
		return nil, err
	}
	p := &Probes{Allocator: allocator, options: options}
	if err := p.load(); err != nil {
		return nil, errors.Join(err, allocator.Close())
	}
	return p, nil
}

func (p *Probes) load() error {
	if err := rlimit.RemoveMemlock(); err != nil {
		return &Unmeasurable{Reason: "memory for BPF maps can't be locked", Err: err, Remedy: "see `ipcprobe doctor`"}
	}
	spec, err := bpf.LoadHeap()
	if err != nil {
		return fmt.Errorf("read the embedded heap probes: %w", err)
	}
	headers := uint32(0)
	if p.Allocator.Glibc {
		headers = 1
	}
	spec.Maps["blocks"].MaxEntries = p.options.MaxBlocks
	var helpers [maxHelpers][2]uint64
	copy(helpers[:], p.Allocator.helpers)
	for name, value := range map[string]any{
		"helpers":       helpers,
		"target_tgid":   uint32(p.options.Target),
		"chunk_headers": headers,
		"last_brk":      mapping.EndOfBrk(p.options.Target),
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	replaced := make(map[string]*ebpf.Map)
	for name, m := range p.options.Unwind {
		spec.Maps[name].MaxEntries = m.MaxEntries()
		replaced[name] = m
	}
	if err := spec.LoadAndAssign(&p.objects, &ebpf.CollectionOptions{MapReplacements: replaced}); err != nil {
		return &Unmeasurable{Reason: "the kernel refuses the heap probes", Err: err, Remedy: "see `ipcprobe doctor`"}
	}
	p.loaded = true
	return nil
}

// Attach puts all probes on; nothing counts until Count. On an error none stays.
func (p *Probes) Attach() error {
	for _, t := range []struct {
		name    string
		program *ebpf.Program
	}{
		{"sched_process_exec", p.objects.TargetExecutes},
		{"sched_process_exit", p.objects.TargetExits},
		{"sched_process_fork", p.objects.TargetForks},
		{"sys_enter", p.objects.EnterCall},
		{"sys_exit", p.objects.ExitCall},
	} {
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: t.name, Program: t.program})
		if err != nil {
			return errors.Join(&Unmeasurable{Reason: "tracepoint " + t.name + " can't be attached", Err: err, Remedy: "see `ipcprobe doctor`"}, p.Detach())
		}
		p.links = append(p.links, l)
	}
	// Without it (before Linux 6.3) lifetimes are absent and nothing else.
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sock_send_length", Program: p.objects.TargetAnswers})
	if p.clock = err == nil; p.clock {
		p.links = append(p.links, l)
	}
	// Ends before begins: a call must not begin whose end goes unseen.
	for _, ends := range []bool{true, false} {
		for i := range p.Allocator.Places {
			if err := p.attach(&p.Allocator.Places[i], ends); err != nil {
				return errors.Join(err, p.Detach())
			}
		}
	}
	return nil
}

func (p *Probes) attach(place *Place, end bool) error {
	o := p.Allocator.objects[place.key]
	if end && !place.function.returns {
		return nil
	}
	// The file itself, whatever stands at its path now.
	executable, err := link.OpenExecutable(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), o.file.Fd()))
	if err != nil {
		return fmt.Errorf("open %s: %w", place.Object, err)
	}
	options := &link.UprobeOptions{Address: place.Offset, PID: p.options.Target}
	var l link.Link
	if end {
		l, err = executable.Uretprobe(place.Symbol, p.objects.OnReturn, options)
	} else {
		l, err = executable.Uprobe(place.Symbol, place.function.program(&p.objects), options)
	}
	if err != nil {
		return &Unmeasurable{Reason: fmt.Sprintf("a probe on %s of %s can't be attached", place.Symbol, place.Object),
			Err: err, Remedy: "user probes need CONFIG_UPROBE_EVENTS and root, see `ipcprobe doctor`"}
	}
	p.links = append(p.links, l)
	return nil
}

// Count begins or ends the counting. answerBytes is what an answer takes on the
// wire, for lifetimes; 0 if not known.
func (p *Probes) Count(on bool, answerBytes float64) error {
	value := uint32(0)
	if on {
		value = 1
	}
	err := errors.Join(
		p.objects.AnswerBytes.Set(uint64(answerBytes+0.5)),
		p.objects.Counting.Set(value),
	)
	if err != nil {
		return fmt.Errorf("begin or end the count of allocations: %w", err)
	}
	return nil
}

// Detach takes all probes off; it is idempotent.
func (p *Probes) Detach() error {
	// Each waits until no processor can be in it any more: all at once wait as
	// long as one.
	errs := make([]error, len(p.links))
	var closing sync.WaitGroup
	for i, l := range p.links {
		closing.Go(func() { errs[i] = l.Close() })
	}
	closing.Wait()
	if len(p.links) > 0 {
		time.Sleep(time.Millisecond) // outlasts a program that was running
	}
	p.links = p.links[:0]
	return errors.Join(errs...)
}

// Close detaches and frees everything; it is idempotent.
func (p *Probes) Close() error {
	errs := []error{p.Detach(), p.Allocator.Close()}
	if p.loaded {
		errs = append(errs, p.objects.Close())
		p.loaded = false
	}
	return errors.Join(errs...)
}
