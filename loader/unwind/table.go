// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// rowBound is the most rows that one object may have. A browser has a third.
const rowBound = 16 << 20

// Flags of a row.
const (
	// Gap marks the end of a function that no other follows: from here on
	// nothing is known.
	Gap uint16 = 1 << iota
)

// Row says by which rule to unwind from its address on, up to the next row's. It
// is struct unwind_row of bpf/src/rule.h.
type Row struct {
	PC    uint32 // address, counted from the table's Base
	Rule  uint16 // index in Rules
	Flags uint16
}

// Table is what Compile makes of one object.
type Table struct {
	Base      uint64 // the lowest address of the object
	Rows      []Row
	Functions Functions
	Code      uint64 // bytes that are mapped executable
	Covered   uint64 // of them, in functions that were read
	Unread    int    // functions that could not be read
	Err       error  // why, of the first; nil if all could

	segments []segment
}

// Place says at which address the table's Base stands in a process that has the
// object's file mapped at start, from offset on; false where the object maps no
// code from there.
func (t *Table) Place(start, offset uint64) (base uint64, ok bool) {
	for _, s := range t.segments {
		if s.kind != elf.PT_LOAD || !s.executable {
			continue
		}
		// A mapping begins at a page; a debugger or a change of rights may have
		// split it.
		if page := s.offset &^ 0xfff; offset >= page && offset-page < s.fileSize+0xfff {
			return start - (s.start + offset - s.offset) + t.Base, true
		}
	}
	return 0, false
}

// Find is the row that holds at an address of the object; false in a gap.
func (t *Table) Find(address uint64) (Row, bool) {
	if address < t.Base || address-t.Base > math.MaxUint32 {
		return Row{}, false
	}
	pc := uint32(address - t.Base)
	i, exact := slices.BinarySearchFunc(t.Rows, pc, func(r Row, pc uint32) int { return cmp.Compare(r.PC, pc) })
	if !exact {
		i--
	}
	if i < 0 || t.Rows[i].Flags&Gap != 0 {
		return Row{}, false
	}
	return t.Rows[i], true
}

// unit is a function with the rows it has, in the order of the object.
type unit struct {
	Range
	first, rows int
	filled      bool // by us, where the compiler said nothing
}

// compiler gathers the rows of all functions before they are put in order.
type compiler struct {
	frames *frames
	rules  *Rules
	table  *Table
	units  []unit
	rows   []placed
}

// placed is a row with its full address.
type placed struct {
	at   uint64
	rule uint16
}

// Compile reads the call frame information of an ELF object of size bytes and
// adds the rules that its rows use to the dictionary. ErrNoTable says that it
// has none; a table that is broken in places has the rest, and says so in Unread.
func Compile(file io.ReaderAt, size int64, rules *Rules) (*Table, error) {
	o, err := openImage(file, size)
	if err != nil {
		return nil, err
	}
	t := &Table{Base: o.base(), Code: o.code(), segments: o.segments}
	f, err := openFrames(o)
	if err != nil {
		return t, err
	}
	c := &compiler{frames: f, rules: rules, table: t}
	f.each(c.add)
	c.fill()
	c.sort()
	c.order()
	return t, nil
}

// base is the lowest address that the object maps.
func (o *image) base() uint64 {
	base := uint64(math.MaxUint64)
	for _, s := range o.segments {
		if s.kind == elf.PT_LOAD {
			base = min(base, s.start&^0xfff)
		}
	}
	return base
}

func (c *compiler) unread(err error) {
	c.table.Unread++
	if c.table.Err == nil {
		c.table.Err = err
	}
}

// add compiles one function. A function without code was discarded by the linker.
func (c *compiler) add(fn function, err error) {
	if err != nil {
		c.unread(err)
		return
	}
	if fn.End <= fn.Start || !c.frames.image.executable(fn.Start) {
		return
	}
	if fn.Start < c.table.Base || fn.End-c.table.Base > math.MaxUint32 {
		c.unread(errors.New("a function more than 4 GiB behind the first"))
		return
	}
	u := unit{Range: fn.Range, first: len(c.rows)}
	err = c.frames.rows(&fn, func(at uint64, s *state) error {
		if len(c.rows) == rowBound {
			return fmt.Errorf("more than %d rows", rowBound)
		}
		if at >= fn.Start && at < fn.End {
			c.rows = append(c.rows, placed{at, c.rules.add(s.rule(fn.common.signal))})
		}
		return nil
	})
	if err != nil {
		c.rows = c.rows[:u.first]
		c.unread(fmt.Errorf("function at 0x%x: %w", fn.Start, err))
		return
	}
	u.rows = len(c.rows) - u.first
	c.units = append(c.units, u)
}

// rule is the state as the walker takes it.
func (s *state) rule(signal bool) Rule {
	if s.cfa.kind == CFAUnsupported && s.result.where != Undefined {
		return Rule{}
	}
	return Rule{
		CFA: s.cfa.kind, Base: s.cfa.base, Index: s.cfa.index, Shift: s.cfa.shift,
		CFAOffset: s.cfa.offset, CFAAdd: s.cfa.add,
		Result: s.result.offset, Frame: s.frame.offset, Saved: s.saved.offset,
		ResultIs: s.result.where, FrameIs: s.frame.where, SavedIs: s.saved.where,
		Signal: signal,
	}
}

// sort puts the functions in order and ends each where the next begins.
func (c *compiler) sort() {
	slices.SortStableFunc(c.units, func(a, b unit) int { return cmp.Compare(a.Start, b.Start) })
	c.units = slices.CompactFunc(c.units, func(a, b unit) bool { return a.Start == b.Start })
	for i := 1; i < len(c.units); i++ {
		c.units[i-1].End = min(c.units[i-1].End, c.units[i].Start)
	}
}

// order writes the rows, marks the gaps between functions and leaves out rows
// that change nothing.
func (c *compiler) order() {
	t := c.table
	var end uint64
	for _, u := range c.units {
		start := u.Start
		if start > end && start > t.Base {
			// What returns to a function's first byte was never called from
			// there (a signal's trampoline, a coroutine's), and a return
			// address is looked up one byte before.
			start--
		}
		if end != 0 && start != end {
			c.put(Row{PC: uint32(end - t.Base), Flags: Gap})
		}
		for j, row := range c.rows[u.first : u.first+u.rows] {
			if j == 0 {
				row.at = start
			}
			if row.at < u.End {
				c.put(Row{PC: uint32(row.at - t.Base), Rule: row.rule})
			}
		}
		if !u.filled {
			t.Functions = append(t.Functions, u.Range)
			t.Covered += u.End - u.Start
		}
		end = u.End
	}
	if end != 0 {
		c.put(Row{PC: uint32(end - t.Base), Flags: Gap})
	}
	t.Covered = min(t.Covered, t.Code)
}

func (c *compiler) put(row Row) {
	t := c.table
	if n := len(t.Rows); n > 0 && t.Rows[n-1].Rule == row.Rule && t.Rows[n-1].Flags == row.Flags {
		return
	}
	t.Rows = append(t.Rows, row)
}
