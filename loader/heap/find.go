// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/loader/image"
	"github.com/ipcprobe/ipcprobe/loader/mapping"
)

// Allocator is where a process's allocator is.
type Allocator struct {
	Objects []string // base names of the files that carry it, the one called first in front
	Places  []Place
	Glibc   bool     // blocks have glibc's header before them
	Notes   []string // what the reader of the result must know

	objects map[string]*object // by key; open
	helpers [][2]uint64        // where helpers are in the process
}

// Place is one function to be probed.
type Place struct {
	Object   string // base name of the file
	Symbol   string
	Offset   uint64 // of the probe, in the file
	Cheap    bool   // the kernel carries out the instruction there
	function function
	key      string
}

// What a target may make us keep: files held open, and notes on those that could
// not be read.
const (
	objectBound = 2048
	noteBound   = 16
)

// maxHelpers is HELPERS of bpf/heap/src/state.h.
const maxHelpers = 8

// families are prefixes under which programs carry an allocator of their own.
var families = []string{"je_", "tc_", "mi_", "sn_", "scalable_"}

// Find looks for the allocator of a running process. named is what --allocator
// said: an object (its base name or path), a symbol that stands for malloc, or
// empty. What can't be watched is an *Unmeasurable.
func Find(pid int, named string) (*Allocator, error) {
	if err := checkClass(pid); err != nil {
		return nil, err
	}
	objects, notes, err := openObjects(pid)
	if err != nil {
		return nil, err
	}
	a := &Allocator{Notes: notes, objects: make(map[string]*object)}
	for _, o := range objects {
		a.objects[o.mapping.Key()] = o
	}
	if err := sortByScope(pid, objects); err != nil {
		a.Notes = append(a.Notes, err.Error())
	}
	switch {
	case named == "":
		a.search(objects)
	case isObject(named, objects):
		for _, o := range objects {
			if matches(o, named) {
				a.take(o, "", true)
			}
		}
	default:
		a.searchFamily(objects, named)
	}
	if !a.carries("malloc") {
		a.Close()
		return nil, notFound(named, objects)
	}
	for _, o := range objects {
		a.addWrappers(o)
		a.addHelpers(o)
	}
	return a, nil
}

// checkClass refuses a program whose calls the probes don't understand.
func checkClass(pid int) error {
	file, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return &Unmeasurable{Reason: "the target's program can't be opened", Err: err}
	}
	defer file.Close()
	info, err := file.Stat()
	var f *elf.File
	if err == nil {
		f, err = image.Open(file, info.Size())
	}
	if err != nil {
		return &Unmeasurable{Reason: "the target's program can't be read", Err: err}
	}
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	switch {
	case f.Class == elf.ELFCLASS32:
		return &Unmeasurable{
			Reason: fmt.Sprintf("the target is a 32-bit program (%s): its calls pass their arguments in another way", f.Machine),
			Remedy: "build it for 64 bits to see its heap; all else is measured",
		}
	case f.Machine != machine:
		return &Unmeasurable{Reason: fmt.Sprintf("the target is a program for %s, and this is ipcprobe for %s", f.Machine, machine)}
	}
	return nil
}

// openObjects opens the files whose code the process has mapped.
func openObjects(pid int) (objects []*object, notes []string, err error) {
	mappings, err := mapping.Read(pid)
	if err != nil {
		return nil, nil, &Unmeasurable{Reason: "the target's libraries can't be listed", Err: err}
	}
	self, _ := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	seen := make(map[string]bool)
	for _, m := range mappings {
		if !m.File() || seen[m.Key()] {
			continue
		}
		if len(seen) >= objectBound {
			notes = append(notes, fmt.Sprintf("no allocator was looked for in more than %d of the target's files", objectBound))
			break
		}
		seen[m.Key()] = true
		o, err := openObject(pid, m)
		if err != nil && len(notes) >= noteBound {
			continue
		}
		if err != nil {
			notes = append(notes, fmt.Sprintf("no allocator was looked for in one of the target's files: %v", err))
			continue
		}
		if info, err := o.file.Stat(); err == nil && self != nil {
			o.main = os.SameFile(info, self)
		}
		objects = append(objects, o)
	}
	return objects, notes, nil
}

// search finds what is really called: for each function the first object that
// offers it to others, and what the program itself carries without offering it.
func (a *Allocator) search(objects []*object) {
	for _, f := range functions {
		for _, o := range objects {
			if f.cPlusPlus() && !a.has(o, "malloc") {
				continue
			}
			if a.add(o, f, f.symbols, o.dynamic) {
				break
			}
		}
	}
	for _, o := range objects {
		if !o.main {
			continue
		}
		for _, f := range functions {
			if _, own := o.local["malloc"]; own {
				a.add(o, f, f.symbols, o.local)
			}
		}
		for _, family := range families {
			if _, own := o.local[family+"malloc"]; own && !a.has(o, "malloc") {
				a.take(o, family+"malloc", false)
			}
		}
	}
}

// searchFamily finds functions named after the symbol that stands for malloc.
func (a *Allocator) searchFamily(objects []*object, symbol string) {
	for _, o := range objects {
		if _, ok := o.lookup(symbol); ok {
			a.take(o, symbol, false)
			return
		}
	}
}

// take adds all functions of one object: under their own names, or those of the
// family of a malloc by another name.
func (a *Allocator) take(o *object, malloc string, operators bool) {
	for _, f := range functions {
		names := f.symbols
		if malloc != "" {
			names = nil
			if f.derived != "" {
				names = []string{relative(malloc, f.derived)}
			}
		}
		if f.cPlusPlus() && !operators {
			continue
		}
		for _, table := range []map[string]elf.Symbol{o.dynamic, o.local} {
			if a.add(o, f, names, table) {
				break
			}
		}
	}
}

// relative is a function's name in the family of a malloc by another name:
// je_malloc has je_free, xalloc xfree.
func relative(malloc, function string) string {
	if i := strings.LastIndex(malloc, "malloc"); i >= 0 {
		return malloc[:i] + function + malloc[i+len("malloc"):]
	}
	if function == "malloc" {
		return malloc
	}
	if i := strings.LastIndex(malloc, "alloc"); i >= 0 {
		return malloc[:i] + function + malloc[i+len("alloc"):]
	}
	return malloc + "_" + function
}

// add adds a function under each of its names that the table has.
func (a *Allocator) add(o *object, f function, names []string, table map[string]elf.Symbol) (found bool) {
	for _, name := range names {
		s, ok := table[name]
		if !ok {
			continue
		}
		begin, ok := o.offset(s.Value)
		if !ok {
			continue
		}
		found = true
		p := Place{Object: o.mapping.Object(), Symbol: name, Offset: begin, function: f, key: o.mapping.Key()}
		if o.elf.Machine == elf.EM_X86_64 {
			at, cheap := stop(o.code(s), f.args)
			p.Offset, p.Cheap = begin+uint64(at), cheap
		}
		if slices.ContainsFunc(a.Places, func(q Place) bool { return q.key == p.key && q.Offset == p.Offset }) {
			continue
		}
		a.Places = append(a.Places, p)
		if !slices.Contains(a.Objects, p.Object) && f.derived != "" {
			a.Objects = append(a.Objects, p.Object)
		}
		if f.name == "malloc" && len(a.Objects) == 1 {
			a.Glibc = o.glibc()
		}
	}
	return found
}

// addWrappers adds the C library's mmap and mremap.
func (a *Allocator) addWrappers(o *object) {
	if _, ok := o.lookup("mmap"); !ok {
		return
	}
	for _, f := range wrappers {
		if !a.add(o, f, f.symbols, o.dynamic) && o.main {
			a.add(o, f, f.symbols, o.local)
		}
	}
}

// addHelpers adds the helpers of a C library that has no unwind tables: musl, in a
// program or apart.
func (a *Allocator) addHelpers(o *object) {
	if _, ok := o.lookup("malloc"); !ok || o.glibc() {
		return
	}
	table := o.dynamic
	if o.main && table["strdup"].Value == 0 {
		table = o.local
	}
	for _, name := range helpers {
		s, ok := table[name]
		if !ok || s.Size == 0 || len(a.helpers) == maxHelpers {
			continue
		}
		if a.add(o, helper, []string{name}, table) {
			start := o.bias() + s.Value
			a.helpers = append(a.helpers, [2]uint64{start, start + s.Size})
		}
	}
}

func (a *Allocator) has(o *object, name string) bool {
	return slices.ContainsFunc(a.Places, func(p Place) bool {
		return p.key == o.mapping.Key() && p.function.name == name
	})
}

func (a *Allocator) carries(name string) bool {
	return slices.ContainsFunc(a.Places, func(p Place) bool { return p.function.name == name })
}

func isObject(named string, objects []*object) bool {
	return strings.Contains(named, "/") || strings.Contains(named, ".so") ||
		slices.ContainsFunc(objects, func(o *object) bool { return matches(o, named) })
}

func matches(o *object, named string) bool {
	return o.mapping.Object() == named || o.mapping.Path == named || path.Base(named) == o.mapping.Object()
}

func notFound(named string, objects []*object) error {
	var names []string
	stripped := false
	for _, o := range objects {
		names = append(names, o.mapping.Object())
		stripped = stripped || o.main && o.local == nil && len(objects) == 1
		o.close()
	}
	where := strings.Join(names, ", ")
	switch {
	case named != "":
		return &Unmeasurable{
			Reason: fmt.Sprintf("--allocator %s: no such allocator among what the target has loaded (%s)", named, where),
			Remedy: "name an object of these, or a symbol that stands for malloc",
		}
	case stripped:
		return &Unmeasurable{
			Reason: fmt.Sprintf("no allocator was found: %s is static and its symbols are stripped", where),
			Remedy: "measure a build that has its symbols",
		}
	}
	return &Unmeasurable{
		Reason: fmt.Sprintf("no allocator was found: nothing that the target has loaded (%s) has a malloc", where),
		Remedy: "name it with --allocator SYMBOL, such as je_malloc",
	}
}

// library says that an object is the allocator's and nothing else: not the
// program that carries one.
func (a *Allocator) library(name string) bool {
	for _, o := range a.objects {
		if o.mapping.Object() == name {
			return !o.main && slices.Contains(a.Objects, name)
		}
	}
	return false
}

// Close closes the files; places stay good as long as probes are on. It may be
// called again.
func (a *Allocator) Close() error {
	var errs []error
	for key, o := range a.objects {
		errs = append(errs, o.file.Close())
		delete(a.objects, key)
	}
	return errors.Join(errs...)
}
