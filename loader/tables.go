// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/loader/mapping"
	"github.com/ipcprobe/ipcprobe/loader/unwind"
)

// Room in the kernel for unwind tables, in entries.
const (
	leastRows     = 256 << 10 // 2 MiB; what a process has is doubled, for dlopen
	mostRows      = 8 << 20   // 64 MiB
	leastMappings = 1 << 10   // of each half
	mostMappings  = 1 << 14   // of a process: UNWIND_MAPPINGS_LOG
	mostProcesses = 256       // max_entries of unwind_processes
)

// tables are the unwind tables of the target's code in the kernel's hands. What
// is mapped is looked up anew by refresh. One goroutine owns them.
type tables struct {
	processes map[int]*space // by process id
	objects   map[identity]*object
	rules     unwind.Rules

	// Memory shared with the walk.
	rows     shared[unwind.Row]
	dict     shared[unwind.Rule]
	mappings shared[bpf.ProbeUnwindMapping]
	index    *ebpf.Map

	usedRows, usedRules int
	upper               bool // half of mappings that is in use
	published           int  // how often

	looked   int64         // when mappings were last looked up, ns
	missed   uint64        // walks that had ended for want of one by then
	patience time.Duration // before they are looked up for that again
}

func newTables() *tables {
	return &tables{processes: make(map[int]*space), objects: make(map[identity]*object), patience: lookSoon}
}

// size sets the room for the tables of what is known so far, and of as much again.
func (t *tables) size(spec *ebpf.CollectionSpec) {
	var rows, mappings int
	for _, o := range t.objects {
		rows += len(o.rows)
	}
	for _, s := range t.processes {
		mappings += len(s.list)
	}
	spec.Maps[bpf.ProbeMapUnwindRows].MaxEntries = uint32(min(max(2*rows, leastRows), mostRows))
	spec.Maps[bpf.ProbeMapUnwindRules].MaxEntries = unwind.RuleBound
	spec.Maps[bpf.ProbeMapUnwindMappings].MaxEntries = 2 * uint32(min(max(4*mappings, leastMappings), 4*mostMappings))
}

// open maps the memory that the walk reads, and writes what is known so far.
func (t *tables) open(o *bpf.ProbeObjects) (err error) {
	if t.rows, err = share[unwind.Row](o.UnwindRows); err != nil {
		return err
	}
	if t.dict, err = share[unwind.Rule](o.UnwindRules); err != nil {
		return err
	}
	if t.mappings, err = share[bpf.ProbeUnwindMapping](o.UnwindMappings); err != nil {
		return err
	}
	t.index = o.UnwindProcesses
	return t.publish()
}

// follow looks up what a process has mapped now, compiles what is new and hands
// it to the walk. It is cheap when nothing has changed. What can't be read makes
// stacks end there, by name; an error is that of a process that is gone.
func (t *tables) follow(pid int) error {
	s := t.processes[pid]
	if s == nil {
		s = &space{pid: pid}
		t.processes[pid] = s
	}
	changed, err := s.read(t)
	if err != nil || !changed || t.index == nil {
		return err
	}
	return t.publish()
}

// mapped is what is known of a process's mappings, with those that are gone.
func (t *tables) mapped(pid int) []mapping.Mapping {
	if s := t.processes[pid]; s != nil {
		return s.list
	}
	return nil
}

// publish writes new rows and rules, then the mappings of all processes where no
// walk reads, then the processes: each then sees the old or the new.
func (t *tables) publish() error {
	for _, o := range t.objects {
		t.place(o)
	}
	rules := t.rules.All()
	t.usedRules += copy(t.dict.entries[t.usedRules:], rules[t.usedRules:])
	t.published++
	half := len(t.mappings.entries) / 2
	next := 0
	if t.upper = !t.upper; t.upper {
		next = half
	}
	end := next + half
	for pid, s := range t.processes {
		list := s.entries(t)
		n := copy(t.mappings.entries[next:end], list[:min(len(list), mostMappings)])
		entry := bpf.ProbeUnwindProcess{First: uint32(next), Count: uint32(n)}
		if err := t.index.Put(uint32(pid), entry); err != nil {
			return fmt.Errorf("hand the unwind tables to the kernel: %w", err)
		}
		next += n
	}
	return nil
}

// place writes an object's rows behind the others, once.
func (t *tables) place(o *object) {
	if o.placed || o.fails != 0 {
		return
	}
	o.placed = true
	if len(o.rows) > len(t.rows.entries)-t.usedRows {
		o.fails, o.err = bpf.ProbeUnwindEndUNWIND_FULL, errors.New("there is no room left for its unwind table")
	} else {
		o.first, o.count = t.usedRows, len(o.rows)
		t.usedRows += copy(t.rows.entries[t.usedRows:], o.rows)
	}
	o.rows = nil
}

// keep makes the processes to follow these, at most as many as the kernel's list
// holds. One that ends leaves its objects behind, for the next that maps them.
func (t *tables) keep(pids []int) {
	for pid := range t.processes {
		if !slices.Contains(pids, pid) {
			delete(t.processes, pid)
			if t.index != nil {
				t.index.Delete(uint32(pid)) // fails when it is not there
			}
		}
	}
	for _, pid := range pids {
		if t.processes[pid] == nil && len(t.processes) < mostProcesses {
			t.processes[pid] = &space{pid: pid}
		}
	}
}

// refresh follows all known processes again.
func (t *tables) refresh() error {
	var errs []error
	for _, pid := range slices.Sorted(maps.Keys(t.processes)) {
		errs = append(errs, t.follow(pid))
	}
	return errors.Join(errs...)
}

func (t *tables) close() error {
	return errors.Join(t.rows.close(), t.dict.close(), t.mappings.close())
}

// shared is an array map in this process's memory too.
type shared[T any] struct {
	memory  []byte
	entries []T
}

func share[T any](m *ebpf.Map) (s shared[T], err error) {
	entries, bytes := int(m.MaxEntries()), int(m.ValueSize())
	if want := int(unsafe.Sizeof(*new(T))); want != bytes {
		return s, fmt.Errorf("map the unwind tables: entries of %d bytes are %d in the kernel", want, bytes)
	}
	page := unix.Getpagesize()
	size := (entries*bytes + page - 1) / page * page
	if s.memory, err = unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return s, unsupported("map the unwind tables", err)
	}
	s.entries = unsafe.Slice((*T)(unsafe.Pointer(&s.memory[0])), entries)
	return s, nil
}

func (s *shared[T]) close() error {
	if s.memory == nil {
		return nil
	}
	err := unix.Munmap(s.memory)
	s.memory, s.entries = nil, nil
	return err
}
