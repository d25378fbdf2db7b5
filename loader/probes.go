// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"github.com/ipcprobe/ipcprobe/bpf"
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

	// Children lists the target's children and theirs, now. Their threads then
	// count as the target's, and so do those of what they fork while the probes
	// are on. Nil: the target is one process.
	Children func() ([]int, error)
}

// defaultTape holds the records of half a second at 400,000 requests/s.
const defaultTape = 64 << 20

// Probes are the loaded programs. One goroutine owns them.
type Probes struct {
	options  Options
	objects  bpf.ProbeObjects
	tape     *tape
	links    []link.Link
	sampler  *sampler
	attached bool
	slice    uint32 // counts Attach
	counted  counted
}

// Open loads the programs and maps; nothing is attached. It needs a kernel
// with BTF and the sock tracepoints (6.3), and CAP_BPF with CAP_PERFMON; what
// is missing comes back as an *Unsupported.
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
	spec, err := specFor(options)
	if err != nil {
		return nil, err
	}
	p := &Probes{options: options}
	if err := spec.LoadAndAssign(&p.objects, nil); err != nil {
		return nil, unsupported("load the probes", err)
	}
	if p.tape, err = openTape(p.objects.Tape, p.objects.ChunksTaken); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if options.SampleHz > 0 {
		if p.sampler, err = openSampler(p.objects.CpuSample, p.objects.Samples, options); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

// specFor is the committed object with this run's constants in it.
func specFor(options Options) (*ebpf.CollectionSpec, error) {
	spec, err := bpf.LoadProbe()
	if err != nil {
		return nil, fmt.Errorf("read the embedded probes: %w", err)
	}
	records := recordsIn(options.TapeBytes)
	spec.Maps[bpf.ProbeMapTape].MaxEntries = records
	client, watching := uint32(options.Client), uint32(0)
	if client == 0 {
		client = ^client // 0 is the kernel's idle task
	}
	if options.Watch {
		watching = 1
	}
	for name, value := range map[string]uint32{
		"target_tgid": uint32(options.Target),
		"client_tgid": client,
		"tape_chunks": chunksOf(records),
		"watching":    watching,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	if options.Children != nil {
		if err := spec.Variables["follow_children"].Set(uint32(1)); err != nil {
			return nil, fmt.Errorf("set follow_children: %w", err)
		}
	}
	var ports [16]uint16
	copy(ports[:], options.Listening)
	if err := spec.Variables["listening"].Set(ports); err != nil {
		return nil, fmt.Errorf("set listening: %w", err)
	}
	return spec, nil
}

// Attach puts all probes on. On an error none stays.
func (p *Probes) Attach() error {
	if p.attached {
		return errors.New("attach the probes: already attached")
	}
	p.attached = true
	if err := p.setLean(false); err != nil {
		return errors.Join(err, p.Detach())
	}
	if err := p.tape.reset(p.objects.Cpus); err != nil {
		return errors.Join(err, p.Detach())
	}
	p.slice++
	if err := p.objects.Slice.Set(p.slice); err != nil {
		return errors.Join(fmt.Errorf("number the slice: %w", err), p.Detach())
	}
	if err := p.setShifts(); err != nil {
		return errors.Join(err, p.Detach())
	}
	if err := p.followChildren(); err != nil {
		return errors.Join(err, p.Detach())
	}
	for _, program := range p.tracepoints() {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return errors.Join(unsupported("attach "+program.String(), err), p.Detach())
		}
		p.links = append(p.links, l)
	}
	if p.sampler == nil {
		return nil
	}
	if err := p.sampler.attach(); err != nil {
		return errors.Join(err, p.Detach())
	}
	return nil
}

// Count says whether system calls and CPU samples count from now on. They are
// sums, so they must cover the slice and not what stands around it.
func (p *Probes) Count(on bool) error {
	var value uint32
	p.counted.end = monotonic()
	if on {
		value, p.counted.begin = 1, p.counted.end
	}
	if err := p.objects.Counting.Set(value); err != nil {
		return fmt.Errorf("begin or end the count of system calls: %w", err)
	}
	return nil
}

// tracepoints lists the programs in the order in which they attach: what makes
// state before what needs it.
func (p *Probes) tracepoints() []*ebpf.Program {
	o := &p.objects
	return []*ebpf.Program{
		o.SysEnter, o.SysExit, o.SchedSwitch, o.SchedWakeup, o.SchedWaking,
		o.SkDataReady, o.SockRecvLength, o.SockSendLength,
	}
}

// Detach takes all probes off; it is idempotent. Afterwards no program of ours
// runs: closing a link takes it off its tracepoint, and the pause outlasts a
// program that was already running on another CPU.
func (p *Probes) Detach() error {
	var errs []error
	if p.sampler != nil {
		errs = append(errs, p.sampler.detach())
	}
	for _, l := range p.links {
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
	return p.tape.decode(dst), nil
}

// Close detaches and frees everything; it is idempotent.
func (p *Probes) Close() error {
	errs := []error{p.Detach()}
	if p.sampler != nil {
		errs = append(errs, p.sampler.close())
		p.sampler = nil
	}
	if p.tape != nil {
		errs = append(errs, p.tape.close())
		p.tape = nil
	}
	return errors.Join(append(errs, p.objects.Close())...)
}
