// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/loader/mapping"
	"github.com/ipcprobe/ipcprobe/results"
)

// Options say what to watch. Target is required.
type Options struct {
	Target    int      // process id of the server, in the root PID namespace
	Client    int      // process id of the load generator; 0: there is none
	Listening []uint16 // TCP ports on which the server listens, at most 16
	TapeBytes int      // memory for the records of one slice; default 64 MiB, at least one record
	SampleHz  int      // CPU samples a second and thread; 0: none
	// Watch sums up the traffic of any client on the connections that the target
	// accepts, instead of recording what Client does: see Flows.
	Watch bool
	Rung  Rung   // where the hooks hang; default: the best that works
	BTF   string // file with the kernel's type information; default: the kernel's own

	// Datagrams: the target's socket is one of datagrams, on the first rung alone.
	Datagrams bool

	// Growth keeps by call path who makes the target's address space grow: see package
	// memory.
	Growth bool

	// Children lists the target's children and theirs, now. Their threads then
	// count as the target's, and so do those of what they fork while the probes
	// are on. Nil: the target is one process.
	Children func() ([]int, error)

	// Hooks names the programs that Attach puts on, to tell what a family of them
	// costs; what needs the others is then not seen. Nil: all.
	Hooks []string

	preempted bool              // programs on raw tracepoints may be: see maybePreempted
	tables    *tables           // for the sizes of their maps; nil: no stacks are taken
	sizes     map[string]uint32 // entries of maps that a test wants to fill; nil: as they are
}

// defaultTape holds the records of half a second at 400,000 requests/s.
const defaultTape = 64 << 20

// Probes are the loaded programs. One goroutine owns them.
type Probes struct {
	options Options
	*loaded
	tape     *tape
	cpus     *cpus
	links    []link.Link
	sampler  *sampler
	attached bool
	carried  results.Carried // by the slice that was attached for last
	slice    uint32          // counts Attach
	counted  counted
	tables   *tables // nil: no stacks are taken

	callReadings int    // of CallTotals
	callsSeen    []bool // by number of the call
}

// Open loads the programs and maps of the first rung that this kernel takes; when
// it returns nothing is attached. It needs CAP_BPF with CAP_PERFMON; what is
// missing comes back as an *Unsupported.
func Open(options Options) (*Probes, error) {
	switch {
	case options.Watch:
		options.TapeBytes = 1 // no record is made: one chunk, the least there is
	case options.TapeBytes == 0:
		options.TapeBytes = defaultTape
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, unsupported("lock memory for BPF maps", err)
	}
	if options.SampleHz > 0 {
		options.tables = newTables()
	}
	p := &Probes{options: options, tables: options.tables}
	if err := p.compileTables(); err != nil {
		return nil, err
	}
	var err error
	if p.loaded, err = climb(options); err != nil {
		return nil, err
	}
	if p.cpus, err = openCPUs(p.objects.Cpus); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if p.tape, err = openTape(p.objects.Tape, p.objects.ChunksTaken, !p.rung.typed()); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if options.SampleHz > 0 && p.objects.CpuSample != nil {
		if p.sampler, err = openSampler(p.objects.CpuSample, p.objects.Samples, options); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	if p.tables != nil {
		if err := p.tables.open(&p.objects); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

// Rung is where the socket's hooks hang.
func (p *Probes) Rung() Rung { return p.rung }

// Warnings say what this kernel keeps from the result.
func (p *Probes) Warnings() []string { return p.warnings }

// Attach puts all probes on. On an error none stays.
func (p *Probes) Attach() error { return p.AttachFor(results.CarriedAll) }

// Turns says whether the probes can take turns. On the other rungs what follows a
// socket needs the programs on system calls.
func (p *Probes) Turns() bool { return p.sampler != nil && p.rung == TPBTF }

// AttachFor puts on the probes of a slice that carries some of them, which takes Turns.
func (p *Probes) AttachFor(carried results.Carried) error {
	if carried != results.CarriedAll && !p.Turns() {
		return fmt.Errorf("attach the probes of %s: on rung %s, with the CPU sampled or not, a slice carries all", carried, p.rung)
	}
	if p.attached {
		return errors.New("attach the probes: already attached")
	}
	p.attached, p.carried = true, carried
	if err := p.setLean(false); err != nil {
		return errors.Join(err, p.Detach())
	}
	if err := p.tape.reset(p.cpus); err != nil {
		return errors.Join(err, p.Detach())
	}
	if err := p.forget(); err != nil {
		return errors.Join(err, p.Detach())
	}
	p.slice++
	if err := p.objects.Slice.Set(p.slice); err != nil {
		return errors.Join(fmt.Errorf("number the slice: %w", err), p.Detach())
	}
	if err := p.setShifts(); err != nil {
		return errors.Join(err, p.Detach())
	}
	if p.options.Growth {
		if err := p.objects.LastBrk.Set(mapping.EndOfBrk(p.options.Target)); err != nil {
			return errors.Join(fmt.Errorf("set last_brk: %w", err), p.Detach())
		}
	}
	if err := p.refreshTables(); err != nil {
		return errors.Join(err, p.Detach())
	}
	if err := p.followChildren(); err != nil {
		return errors.Join(err, p.Detach())
	}
	for i := range p.hooks {
		if !p.wanted(p.hooks[i].name) {
			continue
		}
		l, err := p.hooks[i].attach()
		if err != nil {
			return errors.Join(unsupported("attach "+p.hooks[i].name, err), p.Detach())
		}
		p.links = append(p.links, l)
	}
	if p.sampler == nil || !carried.Clock() {
		return nil
	}
	if err := p.sampler.attach(); err != nil {
		return errors.Join(err, p.Detach())
	}
	return nil
}

// wanted says whether this slice has a program on its hook.
func (p *Probes) wanted(name string) bool {
	if !p.carried.Calls() && (name == bpf.ProbeProgSysEnter || name == bpf.ProbeProgSysExit) {
		return false
	}
	return p.options.Hooks == nil || slices.Contains(p.options.Hooks, name)
}

// Count says whether system calls and CPU samples count from now on. They are
// sums, so they must cover the slice and not what stands around it.
func (p *Probes) Count(on bool) error {
	var value uint32
	p.counted.end = monotonic()
	if on {
		value, p.counted.begin = 1, p.counted.end
		var err error
		if p.counted.before, err = p.forStacks(); err != nil {
			return err
		}
	}
	if err := p.objects.Counting.Set(value); err != nil {
		return fmt.Errorf("begin or end the count of system calls: %w", err)
	}
	return nil
}

// Detach takes all probes off; it is idempotent. Afterwards no program of ours
// runs: closing a link takes it off its tracepoint, and the pause outlasts a
// program that was already running on another CPU.
func (p *Probes) Detach() error {
	var errs []error
	if p.sampler != nil {
		errs = append(errs, p.sampler.detach())
	}
	// What needs state comes off before what makes it.
	for _, l := range slices.Backward(p.links) {
		errs = append(errs, l.Close())
	}
	p.links = p.links[:0]
	if p.attached {
		time.Sleep(time.Millisecond)
	}
	p.attached = false
	return errors.Join(errs...)
}

// TapeUsedPct is how much of the memory for records this slice has used. Cheap:
// it reads one word of shared memory. A slice should end before it is full.
func (p *Probes) TapeUsedPct() float64 { return p.tape.usedPct() }

// Collect appends the slice's observations to dst. Call it after Detach.
func (p *Probes) Collect(dst []results.Observation) ([]results.Observation, error) {
	if p.attached {
		return dst, errors.New("collect the records: the probes are still attached")
	}
	if err := p.endSamples(); err != nil {
		return dst, err
	}
	return p.tape.decode(dst)
}

// Close detaches and frees everything; it is idempotent.
func (p *Probes) Close() error {
	errs := []error{p.Detach()}
	if p.sampler != nil {
		errs = append(errs, p.sampler.close())
		p.sampler = nil
	}
	if p.tables != nil {
		errs = append(errs, p.tables.close())
		p.tables = nil
	}
	p.collection.Close()
	return errors.Join(errs...)
}
