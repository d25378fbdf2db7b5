// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"debug/elf"
	"errors"
	"fmt"
)

// frames is the call frame information of an object.
type frames struct {
	image   *image
	machine machine
	data    []byte // .eh_frame, perhaps with what follows it
	address uint64
	exact   bool // data is the section and no more
	bases   bases
	commons map[uint64]*common // by offset in data
	index   []uint64           // offsets of the functions that the linker's index lists
	work    int                // bytes of instructions that may still be interpreted
}

// openFrames finds the call frame information of an object. ErrNoTable says
// that there is none.
func openFrames(o *image) (*frames, error) {
	m, known := machines[o.machine]
	if !known {
		return nil, fmt.Errorf("code for %v, which can't be unwound", o.machine)
	}
	f := &frames{image: o, machine: m, commons: make(map[uint64]*common)}
	// _GLOBAL_OFFSET_TABLE_ is what data-relative pointers count from.
	f.bases = bases{data: o.dynamic(elf.DT_PLTGOT), indirect: o.word}
	err := f.locate()
	f.work = 4*len(f.data) + 4096
	return f, err
}

// word reads 8 bytes at an address of the object.
func (o *image) word(address uint64) (uint64, bool) {
	data, err := o.read(address, 8)
	if err != nil || len(data) < 8 {
		return 0, false
	}
	return o.order.Uint64(data), true
}

// locate reads the section: from where its header says, through the program header
// of the index where stripping has taken the sections, or by what it looks like.
func (f *frames) locate() error {
	start, indexErr := f.readIndex()
	for _, s := range f.image.sections {
		if s.size == 0 || s.size > tableBound || indexErr == nil && s.start != start {
			continue
		}
		data := make([]byte, min(s.size, uint64(f.image.size)))
		if f.image.readFile(data, s.offset) == nil {
			f.data, f.address, f.exact = data, s.start, true
			return nil
		}
	}
	if indexErr != nil {
		if errors.Is(indexErr, ErrNoTable) && f.search() {
			return nil
		}
		return indexErr
	}
	data, err := f.image.read(start, tableBound)
	if err != nil {
		return fmt.Errorf("read .eh_frame: %w", err)
	}
	f.data, f.address = data, start
	return nil
}

// readIndex reads .eh_frame_hdr: where the section starts, and where its
// functions are.
func (f *frames) readIndex() (start uint64, err error) {
	s, ok := f.image.first(elf.PT_GNU_EH_FRAME)
	if !ok {
		return 0, ErrNoTable
	}
	data, err := f.image.read(s.start, min(s.fileSize, tableBound))
	if err != nil {
		return 0, fmt.Errorf("read .eh_frame_hdr: %w", err)
	}
	c := cursor{data: data, address: s.start}
	version, section, count, table := c.u8(), uint8(c.u8()), uint8(c.u8()), uint8(c.u8())
	b := bases{data: s.start, indirect: f.image.word}
	start = c.pointer(section, b)
	if c.err != nil || version != 1 || start == 0 {
		return 0, fmt.Errorf("read .eh_frame_hdr: version %d, section at 0x%x", version, start)
	}
	// What is wrong behind here costs only the entries that a walk through the
	// section does not come to.
	entries := c.pointer(count, b)
	if table == pointerOmitted || entries > uint64(c.left()) {
		return start, nil
	}
	for range entries {
		c.pointer(table, b)
		at := c.pointer(table, b)
		if c.err != nil {
			break
		}
		if at > start {
			f.index = append(f.index, at-start)
		}
	}
	return start, nil
}

// each calls do for every function, with an error for one that can't be read.
// Where sections were linked one behind another an empty entry may stand in the
// middle, so what the index lists beyond it is visited too.
func (f *frames) each(do func(function, error)) {
	seen := make(map[uint64]bool)
	visit := func(offset uint64) (next uint64) {
		seen[offset] = true
		fn, next, ok, err := f.functionAt(offset)
		if err != nil || ok {
			do(fn, err)
		}
		return next
	}
	var offset uint64
	for offset < uint64(len(f.data)) {
		next := visit(offset)
		if next == 0 && f.exact && f.zero(offset) {
			next = offset + 4
		}
		if next <= offset {
			break // the end, or nobody knows where the next entry is
		}
		offset = next
	}
	for _, offset := range f.index {
		if offset < uint64(len(f.data)) && !seen[offset] {
			visit(offset)
		}
	}
}

// zero says whether an empty entry stands at an offset.
func (f *frames) zero(offset uint64) bool {
	c := cursor{data: f.data[offset:]}
	return c.u32() == 0 && c.err == nil
}
