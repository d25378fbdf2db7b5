// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"

	"github.com/ipcprobe/ipcprobe/loader/image"
	"github.com/ipcprobe/ipcprobe/loader/mapping"
)

const (
	codeBound = 4096 // of one function that is looked at, bytes
)

// object is one file that the target has mapped.
type object struct {
	mapping mapping.Mapping
	main    bool // the program itself
	file    *os.File
	elf     *elf.File
	dynamic map[string]elf.Symbol // functions that others may call
	local   map[string]elf.Symbol // of .symtab
}

func openObject(pid int, m mapping.Mapping) (*object, error) {
	file, err := mapping.Open(pid, m)
	if err != nil {
		return nil, err
	}
	o := &object{mapping: m, file: file}
	if err := o.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", m.Path, err), file.Close())
	}
	return o, nil
}

func (o *object) read() (err error) {
	info, err := o.file.Stat()
	if err != nil {
		return err
	}
	if o.elf, err = image.Open(o.file, info.Size()); err != nil {
		return err
	}
	for kind, names := range map[elf.SectionType]*map[string]elf.Symbol{elf.SHT_DYNSYM: &o.dynamic, elf.SHT_SYMTAB: &o.local} {
		if o.elf.SectionByType(kind) == nil {
			continue
		}
		functions, err := image.Functions(o.elf, kind, info.Size())
		if err != nil {
			return err
		}
		*names = byName(functions)
	}
	return nil
}

// byName keeps defined functions; a global one goes before a local one.
func byName(symbols []elf.Symbol) map[string]elf.Symbol {
	names := make(map[string]elf.Symbol)
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			continue
		}
		if before, known := names[s.Name]; known && elf.ST_BIND(before.Info) != elf.STB_LOCAL {
			continue
		}
		names[s.Name] = s
	}
	return names
}

// lookup finds a function that others may call, or in the program itself any.
func (o *object) lookup(name string) (elf.Symbol, bool) {
	if s, ok := o.dynamic[name]; ok {
		return s, true
	}
	s, ok := o.local[name]
	return s, ok
}

// offset is where in the file an address of the object is.
func (o *object) offset(address uint64) (uint64, bool) {
	for _, p := range o.elf.Progs {
		if p.Type == elf.PT_LOAD && address >= p.Vaddr && address-p.Vaddr < p.Filesz {
			return address - p.Vaddr + p.Off, true
		}
	}
	return 0, false
}

// code is the begin of a function. A symbol without a size gets what fits.
func (o *object) code(s elf.Symbol) []byte {
	at, ok := o.offset(s.Value)
	if !ok {
		return nil
	}
	size := s.Size
	if size == 0 {
		size = 64
	}
	code := make([]byte, min(size, codeBound))
	n, _ := o.file.ReadAt(code, int64(at)) // a short read is a short function
	return code[:n]
}

// glibc says that the object holds glibc's own malloc.
func (o *object) glibc() bool {
	for _, name := range []string{"gnu_get_libc_version", "_int_malloc"} {
		if _, ok := o.lookup(name); ok {
			return true
		}
	}
	return false
}

func (o *object) close() { _ = o.file.Close() } // read only
