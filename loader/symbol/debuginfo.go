// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The standard library's reader of debug information is not made for files that are
// meant to harm (its documentation says so): from a small one it makes more than
// any machine holds. So what it is handed is looked through first. The bounds are
// far from what compilers make.
const (
	// dwarfBound is the most bytes of debug information, unpacked, that are read
	// of one object, and of all together.
	dwarfBound, dwarfBoundOfAll = 512 << 20, 1 << 30
	// dwarfTime is how long may be spent on the debug information of one object,
	// and of all together.
	dwarfTime, dwarfTimeOfAll = 3 * time.Second, 20 * time.Second
	// rangesBound is the most bytes of the lists of ranges, of which one entry after
	// the other may name the same.
	rangesBound = 64 << 20
	// abbreviationBound is the most bytes of forms of entries, of which each takes
	// twenty in memory; attributeBound is how many attributes one may have.
	abbreviationBound = 16 << 20
	attributeBound    = 256
	unitBound         = 1 << 18
	stringBound       = 256 << 10 // bytes of one string, of which each entry that names it gets a copy
)

// allowance is what the debug information of all objects may yet cost.
type allowance struct {
	bytes uint64
	time  time.Duration
}

func newAllowance() *allowance { return &allowance{dwarfBoundOfAll, dwarfTimeOfAll} }

// openLines prepares the debug information of an object or of the file that was
// split off it; nil without.
func (o *object) openLines(all *allowance) (l *lines, err error) {
	defer guard(&err, o.path)
	of := o
	if o.elf.Section(".debug_info") == nil && o.debug != nil {
		of = o.debug
	}
	sections, total, err := of.debugSections(min(dwarfBound, all.bytes))
	if err != nil || sections["info"] == nil {
		return nil, err
	}
	all.bytes -= total
	l = &lines{left: dwarfTime, all: all, tables: lineSections{of.elf.ByteOrder, sections["line"], sections["line_str"], sections["str"]}}
	if l.roots, err = checkDebugInfo(sections, of.elf.ByteOrder); err != nil {
		return nil, fmt.Errorf("read %s: its debug information: %w", of.path, err)
	}
	l.data, err = dwarf.New(sections["abbrev"], nil, nil, sections["info"], nil, nil, sections["ranges"], sections["str"])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", of.path, err)
	}
	for _, name := range []string{"addr", "str_offsets", "rnglists", "line_str"} {
		if err := l.data.AddSection(".debug_"+name, sections[name]); err != nil {
			return nil, fmt.Errorf("read %s: %w", of.path, err)
		}
	}
	return l, nil
}

// debugSections reads the sections that the names of functions take, by their names
// without .debug_, and says how many bytes they have together, at most bound.
func (o *object) debugSections(bound uint64) (map[string][]byte, uint64, error) {
	wanted := []string{"abbrev", "addr", "info", "line", "line_str", "ranges", "rnglists", "str", "str_offsets"}
	sections := map[string][]byte{}
	var total uint64
	for _, s := range o.elf.Sections {
		name, found := strings.CutPrefix(s.Name, ".debug_")
		if !found || !slices.Contains(wanted, name) || sections[name] != nil || s.Size == 0 {
			continue
		}
		total += s.Size // unpacked, as the header says
		lists := name == "ranges" || name == "rnglists"
		if s.FileSize > uint64(o.size) || s.Size > bound || total > bound || lists && s.Size > rangesBound {
			return nil, 0, fmt.Errorf("read %s: %d bytes of debug information are too many", o.path, total)
		}
		data, err := s.Data()
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", o.path, err)
		}
		sections[name] = data
	}
	return sections, total, nil
}

// checkDebugInfo sees that reading costs no more memory and time than the sections'
// sizes allow. It gives the offset of each unit's first entry.
func checkDebugInfo(sections map[string][]byte, order binary.ByteOrder) (roots []dwarf.Offset, err error) {
	for _, name := range []string{"info", "line_str", "str"} {
		if longest := longestString(sections[name]); longest > stringBound {
			return nil, fmt.Errorf("a string of %d bytes is too long", longest)
		}
	}
	all := sections["info"]
	read, known := 0, map[uint64]bool{}
	for info := (cursor{data: all, order: order}); len(info.data) > 0; {
		length, wide := info.unitLength()
		if length == 0 && !info.broken {
			continue
		}
		unit := cursor{data: info.take(length), order: order}
		at := unit.unitHead(wide)
		if info.broken || unit.broken || len(roots) >= unitBound {
			return nil, fmt.Errorf("its unit %d is broken, or one too many", len(roots))
		}
		roots = append(roots, dwarf.Offset(len(all)-len(info.data)-len(unit.data)))
		if known[at] || at > uint64(len(sections["abbrev"])) {
			continue
		}
		known[at] = true
		n, err := abbreviationsLength(cursor{data: sections["abbrev"][at:], order: order})
		if err != nil {
			return nil, err
		}
		// Units share a list of forms, or have their own. Of such that overlap a short
		// section holds more than is ever read.
		if read += n; read > min(abbreviationBound, 2*len(sections["abbrev"])) {
			return nil, fmt.Errorf("%d bytes of forms of entries are too many", read)
		}
	}
	return roots, nil
}

// longestString is the longest stretch without a zero.
func longestString(data []byte) (longest int) {
	for len(data) > 0 {
		end := bytes.IndexByte(data, 0)
		if end < 0 {
			return max(longest, len(data))
		}
		longest, data = max(longest, end), data[end+1:]
	}
	return longest
}

// unitHead reads what stands before a unit's first entry, and says where the forms
// of its entries are (DWARF 5, 7.5.1).
func (c *cursor) unitHead(wide bool) (abbreviations uint64) {
	const skeleton, split, types, splitTypes = 4, 5, 2, 6
	version := c.u16()
	if version < 5 {
		abbreviations = c.offset(wide)
		c.take(1)
		return abbreviations
	}
	kind := c.u8()
	c.take(1)
	abbreviations = c.offset(wide)
	switch kind {
	case skeleton, split:
		c.take(8)
	case types, splitTypes:
		c.take(8)
		c.offset(wide)
	}
	return abbreviations
}

// abbreviationsLength is how many bytes a list of forms of entries has
// (DWARF 5, 7.5.3).
func abbreviationsLength(c cursor) (int, error) {
	whole := len(c.data)
	const implicitConst = 0x21
	for c.uleb() != 0 {
		c.uleb()
		c.take(1)
		for n := 0; ; n++ {
			attribute, form := c.uleb(), c.uleb()
			if attribute == 0 && form == 0 {
				break
			}
			if n >= attributeBound {
				return 0, fmt.Errorf("more than %d attributes of an entry are too many", attributeBound)
			}
			if form == implicitConst {
				c.sleb()
			}
		}
	}
	if c.broken {
		return 0, errors.New("its forms of entries are broken")
	}
	return whole - len(c.data), nil
}
