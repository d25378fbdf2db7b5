// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"bytes"
	"debug/elf"
	"math"
)

// Code that C libraries and linkers leave without call frame information, and
// that is known by its bytes: nothing here is guessed from what stands around it.

const (
	entryBound = 64       // bytes of a thread's entry: those of C libraries are shorter
	stubBound  = 16 << 20 // bytes of stubs, 16 each
)

// fill adds rows for such code where it lies in gaps.
func (c *compiler) fill() {
	for _, at := range []uint64{c.frames.image.entry, c.frames.image.dynamic(elf.DT_INIT), c.frames.image.dynamic(elf.DT_FINI)} {
		if gap, ok := c.gapAt(at); ok && at == c.frames.image.entry {
			c.entry(gap)
		} else if ok && c.frames.image.machine == elf.EM_X86_64 {
			c.hook(gap)
		}
	}
	c.sort()
	functions := c.units
	for i := range functions {
		gap := Range{Start: functions[i].End, End: math.MaxUint64}
		if i+1 < len(functions) {
			gap.End = functions[i+1].Start
		}
		if s, ok := c.frames.image.load(gap.Start); ok && s.executable {
			gap.End = min(gap.End, s.start+s.fileSize)
			c.clone(gap, &functions[i])
			c.stubs(gap)
		}
	}
}

// gapAt is the part of a gap from an address on.
func (c *compiler) gapAt(start uint64) (gap Range, ok bool) {
	s, ok := c.frames.image.load(start)
	if start == 0 || !ok || !s.executable {
		return gap, false
	}
	gap = Range{start, s.start + s.fileSize}
	for _, u := range c.units {
		if start >= u.Start && start < u.End {
			return gap, false
		}
		if u.Start > start {
			gap.End = min(gap.End, u.Start)
		}
	}
	return gap, gap.End > start
}

// code reads up to n bytes of a gap.
func (c *compiler) code(gap Range, n uint64) []byte {
	data, err := c.frames.image.read(gap.Start, min(gap.End-gap.Start, n))
	if err != nil {
		return nil
	}
	return data
}

// known adds a function of known rows.
func (c *compiler) known(of Range, rows ...placed) {
	if of.End-c.table.Base > math.MaxUint32 || len(c.rows)+len(rows) > rowBound {
		return
	}
	c.units = append(c.units, unit{Range: of, first: len(c.rows), rows: len(rows), filled: true})
	c.rows = append(c.rows, rows...)
}

// pushed is the rule of code that has so many bytes on the stack, the return
// address among them.
func (c *compiler) pushed(bytes int32) uint16 {
	return c.rules.add(Rule{
		CFA: CFARegister, Base: uint8(c.frames.machine.stack), CFAOffset: bytes,
		ResultIs: AtCFA, Result: -8, FrameIs: Same, SavedIs: Same,
	})
}

// entry is the program's first function: nobody called it.
func (c *compiler) entry(gap Range) {
	outermost := Rule{CFA: CFARegister, Base: uint8(c.frames.machine.stack), ResultIs: Undefined}
	gap.End = min(gap.End, gap.Start+entryBound)
	c.known(gap, placed{gap.Start, c.rules.add(outermost)})
}

// hook is what runs when an object is loaded or unloaded (_init, _fini of
// crti.o): it moves the stack by 8, calls, moves it back and returns.
func (c *compiler) hook(gap Range) {
	data := c.code(gap, entryBound)
	begin, end := []byte{0x48, 0x83, 0xec, 0x08}, []byte{0x48, 0x83, 0xc4, 0x08, 0xc3}
	down, up := bytes.Index(data, begin), bytes.Index(data, end)
	landing := down == 4 && bytes.HasPrefix(data, []byte{0xf3, 0x0f, 0x1e, 0xfa})
	if down != 0 && !landing || up < down {
		return
	}
	at := func(offset int) uint64 { return gap.Start + uint64(offset) }
	c.known(Range{gap.Start, at(up + len(end))},
		placed{gap.Start, c.pushed(8)}, placed{at(down + len(begin)), c.pushed(16)}, placed{at(up + 4), c.pushed(8)})
}

// systemCall is the instruction, by machine.
var systemCall = map[elf.Machine][]byte{
	elf.EM_X86_64:  {0x0f, 0x05},
	elf.EM_AARCH64: {0x01, 0x00, 0x00, 0xd4},
}

// cloneBound is the longest piece between a call of clone and what the child does.
const cloneBound = 32

// clone is the piece of a C library's clone from its system call on: the parent
// returns from it by the rule of the function before, and a child that has just
// begun has a stack on which nothing stands. The library ends the information
// there because no rule is right for both.
func (c *compiler) clone(gap Range, before *unit) {
	call := systemCall[c.frames.image.machine]
	// Padding goes up to the next function, which is aligned.
	if gap.End%16 == 0 || gap.End-gap.Start > cloneBound || before.rows == 0 || before.filled {
		return
	}
	if !bytes.HasPrefix(c.code(gap, cloneBound), call) {
		return
	}
	rule := c.rules.All()[c.rows[before.first+before.rows-1].rule]
	if rule.ResultIs != AtCFA && rule.ResultIs != Same {
		return
	}
	if rule.ResultIs == AtCFA {
		rule.ResultIs = OfParent
	}
	c.known(gap, placed{gap.Start, c.rules.add(rule)})
}

// stubs are the entries of a procedure linkage table that the linker has left
// without information (lld does). The first pushes a word and jumps, the others
// jump, or push a word and jump to the first.
func (c *compiler) stubs(gap Range) {
	skip := -gap.Start & 15
	if c.frames.image.machine != elf.EM_X86_64 || gap.End-gap.Start < skip+32 {
		return
	}
	gap.Start += skip
	data := c.code(gap, stubBound)
	for at := 0; at+16 <= len(data); at += 16 {
		one, start := data[at:at+16], gap.Start+uint64(at)
		of := Range{start, start + 16}
		switch {
		case one[0] == 0xff && one[1] == 0x35 && one[6] == 0xff && one[7] == 0x25:
			c.known(of, placed{start, c.pushed(16)}, placed{start + 6, c.pushed(24)})
		case one[0] == 0xff && one[1] == 0x25 && one[6] == 0x68 && one[11] == 0xe9:
			c.known(of, placed{start, c.pushed(8)}, placed{start + 11, c.pushed(16)})
		}
	}
}
