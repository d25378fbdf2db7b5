// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"debug/elf"
	"errors"
	"fmt"

	"github.com/ipcprobe/ipcprobe/loader/image"
	"github.com/ipcprobe/ipcprobe/loader/unwind"
)

// Where a name comes from, in the order of preference at one address. A name that
// others link to goes before one that the object keeps to itself.
const (
	fromSymtab uint8 = iota
	fromDebug
	fromMini
	fromDynamic
	local
)

// tables are what names the functions of one object.
type tables struct {
	functions table            // of its symbol tables
	resolved  table            // of functions that the loader chose; they have no end
	ranges    unwind.Functions // of the call frame information
}

// load reads the tables, once. An object that is broken names what it can.
func (o *object) load() *tables {
	if o.tables != nil {
		return o.tables
	}
	o.tables = &tables{}
	var entries []entry
	add := func(of *object, kind elf.SectionType, rank uint8) {
		if of == nil {
			return
		}
		more, err := of.symbols(kind, rank)
		entries = append(entries, more...)
		o.problem = errors.Join(o.problem, err)
	}
	add(o, elf.SHT_SYMTAB, fromSymtab)
	add(o.debug, elf.SHT_SYMTAB, fromDebug)
	mini, err := o.miniDebug()
	o.problem = errors.Join(o.problem, err)
	add(mini, elf.SHT_SYMTAB, fromMini)
	add(o, elf.SHT_DYNSYM, fromDynamic)
	o.tables.functions = sorted(entries)
	o.tables.resolved = sorted(o.resolved)
	o.tables.ranges = o.functionRanges()
	return o.tables
}

// functionRanges are the functions that the call frame information tells of.
func (o *object) functionRanges() (ranges unwind.Functions) {
	defer func() {
		if recover() != nil {
			ranges = nil
		}
	}()
	ranges, _ = unwind.ReadFunctions(o.file, o.size) // without, offsets stand for names
	return ranges
}

// symbols are the functions of one symbol table.
func (o *object) symbols(kind elf.SectionType, rank uint8) ([]entry, error) {
	found, err := image.Functions(o.elf, kind, o.size)
	if err != nil {
		err = fmt.Errorf("read %s: %w", o.path, err)
	}
	return functions(found, rank), err
}

func functions(symbols []elf.Symbol, rank uint8) []entry {
	var entries []entry
	for _, s := range symbols {
		e := entry{start: s.Value, size: s.Size, name: s.Name, rank: rank}
		if elf.ST_BIND(s.Info) == elf.STB_LOCAL {
			e.rank += local
		}
		entries = append(entries, e)
	}
	return entries
}

// find names the function that an address of the object lies in. Its end bounds
// what a name without one stands for; exact is false where only the call frame
// information knows that there is a function.
func (t *tables) find(address uint64) (e entry, exact, ok bool) {
	within, bounded := t.ranges.FunctionRange(address)
	if e, ok := t.functions.find(address); ok && (e.size > 0 || !bounded || e.start >= within.Start) {
		return e, true, true
	}
	if e, ok := t.resolved.find(address); ok && bounded && e.start >= within.Start {
		return e, true, true
	}
	if bounded {
		return entry{start: within.Start, size: within.End - within.Start}, false, true
	}
	return entry{}, false, false
}
