// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/ipcprobe/ipcprobe/loader/mapping"
	"github.com/ipcprobe/ipcprobe/results"
)

// vdsoBound is the largest [vdso] that is read out of the target's memory.
const vdsoBound = 1 << 20

// What a target may make us keep: files held open, each with its symbols, mappings
// that are gone, and reasons why one look at its files failed. The largest desktop
// programs map some 400 files.
const (
	objectBound  = 2048
	goneBound    = 1 << 16
	problemBound = 16
)

// Process names the user addresses of one process. It is not safe for concurrent
// use.
type Process struct {
	pid      int
	mappings []mapping.Mapping
	program  *mapping.Mapping   // of the executable; nil: not known
	gone     []mapping.Mapping  // earlier ones, the latest last
	objects  map[string]*object // by key; nil: it could not be read
	spaces   map[mapping.Mapping]*results.Mapping
	named    map[place][]results.Frame
	debug    *allowance
	unread   error // of what Remember added
}

// place is an address that has been named, as a leaf or as a return address.
type place struct {
	address uint64
	leaf    bool
}

// OpenProcess makes an empty Process; Refresh fills it.
func OpenProcess(pid int) *Process {
	return &Process{pid: pid, objects: make(map[string]*object),
		spaces: make(map[mapping.Mapping]*results.Mapping), named: make(map[place][]results.Frame), debug: newAllowance()}
}

// Close closes the target's files.
func (p *Process) Close() error {
	var errs []error
	for _, o := range p.objects {
		errs = append(errs, o.close())
	}
	clear(p.objects)
	return errors.Join(errs...)
}

// Refresh reads the process's mappings and opens the files that are new. Call it
// now and then while the process lives: what it maps and unmaps in between has
// no names. What can't be read is named by object and offset, and the error says
// why.
func (p *Process) Refresh() error {
	mappings, err := mapping.Read(p.pid)
	if err != nil {
		return err
	}
	return p.take(mappings)
}

// take follows the process to what it has mapped now.
func (p *Process) take(mappings []mapping.Mapping) error {
	if len(mappings) == 0 || slices.Equal(mappings, p.mappings) {
		return nil // ending, or as before: keep what is known
	}
	now := make(map[mapping.Mapping]struct{}, len(mappings))
	for _, m := range mappings {
		now[m] = struct{}{}
	}
	for _, m := range p.mappings {
		if _, stays := now[m]; !stays {
			p.gone = append(p.gone, m)
		}
	}
	if more := len(p.gone) - goneBound; more > 0 {
		p.gone = slices.Delete(p.gone, 0, more)
	}
	p.mappings = mappings
	p.findProgram()
	return p.openNew(mappings)
}

// Remember adds mappings that somebody else has seen and that were gone at each
// Refresh, as those of a library that is loaded and unloaded again and again. They go
// before what Refresh has seen there earlier: who looks more often has seen the
// latest. Problems says what could not be read of them.
func (p *Process) Remember(seen []mapping.Mapping) {
	known := make(map[mapping.Mapping]struct{}, len(p.mappings)+len(p.gone))
	for _, list := range [][]mapping.Mapping{p.mappings, p.gone} {
		for _, m := range list {
			known[m] = struct{}{}
		}
	}
	var missed []mapping.Mapping
	for _, m := range seen {
		if _, both := known[m]; !both {
			missed = append(missed, m)
		}
	}
	if len(missed) > 0 {
		p.gone = append(p.gone, missed...)
		p.unread = errors.Join(p.unread, p.openNew(missed))
	}
}

// openNew opens the files that are new among the mappings.
func (p *Process) openNew(mappings []mapping.Mapping) error {
	clear(p.named)
	var errs []error
	for _, m := range mappings {
		key := keyOf(m)
		if _, known := p.objects[key]; known || key == "" {
			continue
		}
		if len(p.objects) >= objectBound {
			errs = append(errs, fmt.Errorf("name functions: the target maps more than %d files; those of the others have no names", objectBound))
			break
		}
		o, err := p.open(m)
		if len(errs) < problemBound {
			errs = append(errs, err)
		}
		p.objects[key] = o
	}
	return errors.Join(errs...)
}

const vdso = "[vdso]"

// keyOf names what is mapped; empty for memory that nobody names.
func keyOf(m mapping.Mapping) string {
	switch {
	case m.File():
		return m.Key()
	case m.Path == vdso:
		return vdso
	}
	return ""
}

func (p *Process) open(m mapping.Mapping) (*object, error) {
	memory, memoryErr := os.Open(fmt.Sprintf("/proc/%d/mem", p.pid))
	if memoryErr == nil {
		defer memory.Close()
	}
	if m.Path == vdso {
		if memoryErr != nil {
			return nil, fmt.Errorf("read %s: %w", vdso, memoryErr)
		}
		image := make([]byte, min(m.End-m.Start, vdsoBound))
		if _, err := memory.ReadAt(image, int64(m.Start)); err != nil {
			return nil, fmt.Errorf("read %s: %w", vdso, err)
		}
		return newObject(vdso, bytes.NewReader(image), int64(len(image)))
	}
	file, err := mapping.Open(p.pid, m)
	if err != nil {
		return nil, err
	}
	o, err := openObject(file)
	if err != nil {
		return nil, err
	}
	o.debug = o.findDebug(p.pid)
	if memoryErr == nil {
		o.resolve(memory, m.Start-o.address(m.Offset))
	}
	return o, nil
}

// Frame names one user address: the outermost function there.
func (p *Process) Frame(address uint64, leaf bool) results.Frame {
	frames := p.Frames(address, leaf)
	return frames[len(frames)-1]
}

// Frames names one user address: its function, and before it those that the
// compiler has put into it, innermost first. A return address belongs to the call
// before it, so for all but the leaf the byte before is looked up. The caller does
// not change what it gets.
func (p *Process) Frames(address uint64, leaf bool) []results.Frame {
	key := place{address, leaf}
	if known := p.named[key]; known != nil {
		return known
	}
	frames := p.frames(address, leaf)
	p.named[key] = frames
	return frames
}

func (p *Process) frames(address uint64, leaf bool) []results.Frame {
	lookup := address
	if !leaf && lookup > 0 {
		lookup--
	}
	m, ok := p.find(lookup)
	if !ok {
		return []results.Frame{{Function: fmt.Sprintf("[unknown] 0x%x", address), Object: "[unknown]", Address: address}}
	}
	return p.name(m, address, lookup, leaf)
}

// find is the mapping that an address lies in, or lay in when it was last one.
func (p *Process) find(address uint64) (mapping.Mapping, bool) {
	for _, m := range p.mappings {
		if address >= m.Start && address < m.End {
			return m, true
		}
	}
	for _, m := range slices.Backward(p.gone) {
		if address >= m.Start && address < m.End {
			return m, true
		}
	}
	return mapping.Mapping{}, false
}

func (p *Process) name(m mapping.Mapping, address, lookup uint64, leaf bool) []results.Frame {
	whole := results.Frame{Object: m.Object(), Address: address, Offset: lookup - m.Start + m.Offset}
	o := p.objects[keyOf(m)]
	if o == nil {
		whole.Mapping = p.space(m, "")
		whole.Function = fmt.Sprintf("%s+0x%x", whole.Object, whole.Offset)
		return []results.Frame{whole}
	}
	whole.BuildID, whole.Mapping = o.buildID, p.space(m, o.buildID)
	whole.Offset = o.address(whole.Offset)
	e, exact, ok := o.load().find(whole.Offset)
	switch {
	case exact:
		whole.Function, whole.Symbol = demangled(e.name)
	case ok:
		whole.Function = fmt.Sprintf("%s!fn_0x%x", whole.Object, e.start)
	default:
		whole.Function = fmt.Sprintf("%s+0x%x", whole.Object, whole.Offset)
	}
	frames := o.inlined(whole, exact, p.debug)
	if leaf {
		frames[0].Copies, frames[0].Returned = o.copies(whole.Offset), o.returned(whole.Offset)
	}
	return frames
}

// inlined adds what the debug information says of an address.
func (o *object) inlined(whole results.Frame, exact bool, all *allowance) []results.Frame {
	if o.lines == nil {
		l, err := o.openLines(all)
		if err != nil {
			o.problem = errors.Join(o.problem, err)
		}
		if l == nil {
			l = &lines{}
		}
		o.lines = l
	}
	frames := o.lines.at(whole.Offset)
	if len(frames) == 0 {
		return []results.Frame{whole}
	}
	for i := range frames {
		f, found := &frames[i], whole
		found.File, found.Line, found.Inlined = f.File, f.Line, f.Inlined
		if f.Inlined || !exact {
			if f.Function == "" {
				f.Function = "[inlined]"
			}
			found.Function, found.Symbol = f.Function, f.Symbol
		}
		*f = found
	}
	return frames
}

// copies says that the instruction at an address moves a string of bytes: what
// compilers and C libraries make of a memcpy on processors that do it well.
func (o *object) copies(address uint64) bool {
	var code [3]byte
	n := o.code(address, code[:])
	if o.elf.Machine != elf.EM_X86_64 || n < 2 || code[0] != 0xf3 {
		return false
	}
	return code[1] == 0xa4 || code[1] == 0xa5 || n == 3 && code[1] == 0x48 && code[2] == 0xa5
}

// returned says that the instruction before an address is a system call: the
// kernel has just let go, whatever the function is called.
func (o *object) returned(address uint64) bool {
	var code [2]byte
	return o.elf.Machine == elf.EM_X86_64 && address >= 2 && o.code(address-2, code[:]) == 2 &&
		code == [2]byte{0x0f, 0x05}
}

// space is the mapping as a profile tells it.
func (p *Process) space(m mapping.Mapping, buildID string) *results.Mapping {
	known := p.spaces[m]
	if known == nil {
		known = &results.Mapping{Start: m.Start, Limit: m.End, Offset: m.Offset, File: m.Path, BuildID: buildID}
		if m.Path == "" {
			known.File = m.Object()
		}
		p.spaces[m] = known
	}
	return known
}

// Program is the mapping of the target's executable, where its code is; nil when
// it is not known.
func (p *Process) Program() *results.Mapping {
	if m := p.program; m != nil {
		id := ""
		if o := p.objects[keyOf(*m)]; o != nil {
			id = o.buildID
		}
		return p.space(*m, id)
	}
	return nil
}

// findProgram looks which of the mappings is of the executable.
func (p *Process) findProgram() {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid))
	if err != nil {
		return
	}
	for i := range p.mappings {
		if p.mappings[i].Path == link {
			m := p.mappings[i]
			p.program = &m
			return
		}
	}
}

// Problems says why some names may be missing, of the addresses named so far and of
// what Remember has added.
func (p *Process) Problems() error {
	errs := []error{p.unread}
	for _, o := range p.objects {
		if o == nil {
			continue
		}
		errs = append(errs, o.problem)
		if o.lines != nil && o.lines.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", o.path, o.lines.err))
		}
	}
	return errors.Join(errs...)
}
