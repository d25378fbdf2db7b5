// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// loaded is one rung's programs and maps in the kernel.
type loaded struct {
	rung       Rung
	collection *ebpf.Collection
	objects    bpf.ProbeObjects // the same, by name; what the rung has not is nil
	hooks      []hook           // that Attach puts on
	fork       hook             // and that only where children are followed
	warnings   []string
}

// climb loads the first rung that works. A rung works when the kernel has taken
// all of its programs and let each be put on its hook: a kernel may load what it
// then refuses to attach.
func climb(options Options) (*loaded, error) {
	types, err := kernelTypes(options.BTF)
	if err != nil {
		return nil, err
	}
	var errs []error
	found, tried := tryPreemption(types)
	preempted := tried == nil && found
	options.preempted = options.preempted || maybePreempted(found, tried)
	for _, step := range steps(options.Rung, preempted) {
		l, err := load(step, options, types)
		if err == nil {
			if err = l.try(); err == nil {
				if preempted && step.rung.losesWherePreempted() {
					l.warnings = append(l.warnings, "on this kernel a probe on this rung can be preempted, and then runs for nobody else on that CPU: what that loses is counted as lost; rung tracepoint loses nothing so")
				}
				return l, nil
			}
			l.collection.Close()
		}
		errs = append(errs, fmt.Errorf("%s: %w", step.rung, err))
	}
	return nil, offLadder(errs, types != nil)
}

// offLadder says why no rung works. Where all fail alike, that is what to say.
// given: the types came from a file.
func offLadder(errs []error, given bool) error {
	if _, err := os.Stat("/sys/kernel"); errors.Is(err, os.ErrNotExist) {
		return &Unsupported{
			Operation: "find what the kernel offers", Err: errors.New("/sys is not mounted here"),
			Need: "sysfs, and tracefs in it", Remedy: "give this container the host's (podman run -v /sys:/sys:ro), or mount it",
		}
	}
	// The last rung asks least of a kernel. What it lacks, all do.
	least := errs[len(errs)-1:]
	if _, err := btf.LoadKernelSpec(); err != nil && !given && everyIs(least, btf.ErrNotSupported, btf.ErrNotFound) {
		return &Unsupported{
			Operation: "find the kernel's type information (BTF)", Err: errors.New("this kernel has none"),
			Need:   "CONFIG_DEBUG_INFO_BTF=y, or a file of it",
			Remedy: "give it with --btf FILE: the kernel's vmlinux with debug information, or what `pahole --btf_encode_detached` made of it",
		}
	}
	if len(errs) == 1 || everyIs(errs, unix.EPERM, unix.EACCES) {
		return unsupported("load the probes", errs[0])
	}
	u := &Unsupported{
		Operation: "load the probes, on any rung", Err: errs[len(errs)-1],
		Need: "Linux 5.8", Remedy: "see `ipcprobe doctor` for what this kernel offers",
	}
	return u
}

// everyIs says whether each of errs is one of kinds.
func everyIs(errs []error, kinds ...error) bool {
	return !slices.ContainsFunc(errs, func(err error) bool {
		return !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
	})
}

// kernelTypes reads type information from a file; nil stands for the kernel's own.
func kernelTypes(path string) (*btf.Spec, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the kernel's type information (--btf): %w", err)
	}
	defer file.Close()
	types, err := btf.LoadSpecFromReader(file)
	if err != nil {
		return nil, fmt.Errorf("read the kernel's type information (--btf) from %s: %s; it must be BTF, bare or in an ELF file", path, brief(err))
	}
	return types, nil
}

// load hands a rung's programs to the kernel. Those that a measurement can do
// without are left out where they do not load, with a warning.
func load(step step, options Options, types *btf.Spec) (*loaded, error) {
	spec, err := specFor(step, options)
	if err != nil {
		return nil, err
	}
	l := &loaded{rung: step.rung}
	collectionOptions := ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{KernelTypes: types}}
	l.collection, err = ebpf.NewCollectionWithOptions(spec, collectionOptions)
	if err != nil && spec.Programs[bpf.ProbeProgCpuSample] != nil {
		first := err
		delete(spec.Programs, bpf.ProbeProgCpuSample)
		l.collection, err = ebpf.NewCollectionWithOptions(spec, collectionOptions)
		if err == nil {
			l.warnings = append(l.warnings, fmt.Sprintf("no CPU samples were taken: this kernel refuses their program (%s)", brief(first)))
		}
	}
	if err != nil {
		return nil, err
	}
	assign(reflect.ValueOf(&l.objects).Elem(), l.collection)
	for _, h := range hooksOf(spec, l.collection, types) {
		switch {
		case h.name == bpf.ProbeProgSchedFork:
			l.fork = h
		case needed(h.name, step.rung, options):
			l.hooks = append(l.hooks, h)
		}
	}
	if !step.rung.SeesQueue() {
		l.warnings = append(l.warnings, "the probes sit on system calls alone: when bytes are queued is not seen, so send call and queue wait are not known")
	}
	if options.Datagrams && !step.rung.typed() {
		l.warnings = append(l.warnings, "this kernel does not tell whose a datagram is: no request is joined, and only the load's own figures are known")
	}
	return l, nil
}

// needed says whether the program's hook tells something in this measurement.
func needed(program string, rung Rung, options Options) bool {
	switch program {
	case bpf.ProbeProgConsumeSkb: // packets are freed all the time
		return options.Datagrams
	case bpf.ProbeProgSkDataReady: // see bpf/src/socket.h
		return options.Datagrams || options.Watch || !rung.typed()
	}
	return true
}

// specFor is a rung's committed object with this run's constants in it.
func specFor(step step, options Options) (*ebpf.CollectionSpec, error) {
	spec, err := step.spec()
	if err != nil {
		return nil, fmt.Errorf("read the embedded probes: %w", err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("count the CPUs: %w", err)
	}
	records := recordsIn(options.TapeBytes)
	spec.Maps[bpf.ProbeMapTape].MaxEntries = records
	spec.Maps[bpf.ProbeMapCpus].MaxEntries = uint32(cpus)
	if options.tables != nil {
		options.tables.size(spec)
	}
	for name, entries := range options.sizes {
		spec.Maps[name].MaxEntries = entries
	}
	client, watching := uint32(options.Client), uint32(0)
	if client == 0 {
		client = ^client // 0 is the kernel's idle task
	}
	if options.Watch {
		watching = 1
	}
	var ports [16]uint16
	copy(ports[:], options.Listening)
	constants := map[string]any{
		"target_tgid": uint32(options.Target),
		"client_tgid": client,
		"watching":    watching,
		"tape_chunks": chunksOf(records),
		"listening":   ports,
	}
	if !step.rung.typed() {
		constants["cpu_count"] = uint32(cpus)
	}
	if options.preempted && step.rung.typed() {
		constants["preemptible"] = uint32(1)
	}
	if options.Datagrams && step.rung.typed() {
		constants["datagrams"] = uint32(1)
	}
	if options.Growth {
		constants["growth"] = uint32(1)
	}
	if options.Children != nil {
		constants["follow_children"] = uint32(1)
	}
	for name, value := range constants {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	return spec, nil
}

// assign fills the fields that bpf2go tagged with what the collection has.
func assign(objects reflect.Value, collection *ebpf.Collection) {
	for i := range objects.NumField() {
		field, name := objects.Field(i), objects.Type().Field(i).Tag.Get("ebpf")
		switch field.Interface().(type) {
		case *ebpf.Program:
			field.Set(reflect.ValueOf(collection.Programs[name]))
		case *ebpf.Map:
			field.Set(reflect.ValueOf(collection.Maps[name]))
		case *ebpf.Variable:
			field.Set(reflect.ValueOf(collection.Variables[name]))
		default:
			if field.Kind() == reflect.Struct {
				assign(field, collection)
			}
		}
	}
}

// try puts each program on its hook and takes it off again. Its target does not
// exist yet for the programs: they count nothing.
func (l *loaded) try() error {
	for i := range l.hooks {
		link, err := l.hooks[i].attach()
		if err != nil {
			return fmt.Errorf("attach %s: %w", l.hooks[i].name, err)
		}
		if err := link.Close(); err != nil {
			return fmt.Errorf("detach %s: %w", l.hooks[i].name, err)
		}
	}
	return nil
}

// forget takes threads that have ended out of the hash map, where a rung has one:
// task storage ends with its task. Only while the probes are detached.
func (l *loaded) forget() error {
	if l.rung.typed() {
		return nil
	}
	var ended []uint32
	var thread uint32
	threads, state := l.objects.Threads.Iterate(), make([]byte, l.objects.Threads.ValueSize())
	for threads.Next(&thread, &state) {
		if errors.Is(unix.Kill(int(thread), 0), unix.ESRCH) {
			ended = append(ended, thread)
		}
	}
	if err := threads.Err(); err != nil {
		return fmt.Errorf("look for threads that have ended: %w", err)
	}
	for _, thread := range ended {
		if err := l.objects.Threads.Delete(thread); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget thread %d: %w", thread, err)
		}
	}
	return nil
}

// programs lists the names of all programs in the kernel.
func (l *loaded) programs() []string { return slices.Sorted(maps.Keys(l.collection.Programs)) }
