// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"debug/dwarf"
	"encoding/binary"
	"runtime/debug"
	"testing"
	"time"
)

// Entries of the units below: their abbreviations' numbers.
const (
	aUnit = 1 + iota
	aFunction
	aStruct
	anInlined
)

// abbreviations of these entries, all with children.
var abbreviations = []byte{
	aUnit, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0, // low_pc, high_pc
	aFunction, 0x2e, 1, 0x11, 0x01, 0x12, 0x07, 0x31, 0x13, 0, 0, // and abstract_origin
	aStruct, 0x13, 1, 0x01, 0x13, 0, 0, // sibling
	anInlined, 0x1d, 1, 0x11, 0x01, 0x12, 0x07, 0x31, 0x13, 0, 0,
	0,
}

const unitStart = 11 // the first entry, behind the header

// debugInfo is a unit whose code is at 0x1000, with what entries writes behind its
// root.
func debugInfo(t *testing.T, entries func(*bytes.Buffer)) *lines {
	t.Helper()
	info := bytes.NewBuffer(make([]byte, unitStart))
	info.WriteByte(aUnit)
	code(info)
	entries(info)
	b := info.Bytes()
	binary.LittleEndian.PutUint32(b, uint32(len(b)-4))
	binary.LittleEndian.PutUint16(b[4:], 4) // the version of DWARF
	b[10] = 8                               // bytes of an address
	data, err := dwarf.New(abbreviations, nil, nil, b, nil, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := &allowance{time: time.Hour} // what ends it is not the clock
	return &lines{data: data, roots: []dwarf.Offset{unitStart}, left: time.Hour, all: all}
}

func code(b *bytes.Buffer) {
	_ = binary.Write(b, binary.LittleEndian, [2]uint64{0x1000, 0x100}) // a buffer takes all
}

func reference(b *bytes.Buffer, offset int) {
	_ = binary.Write(b, binary.LittleEndian, uint32(offset))
}

// TestEntriesThatNameThemselves: a function is what it came of, two name each
// other, a sibling lies before its brother, and each function is in itself.
func TestEntriesThatNameThemselves(t *testing.T) {
	l := debugInfo(t, func(b *bytes.Buffer) {
		function := b.Len()
		b.WriteByte(aFunction)
		code(b)
		reference(b, function)
		b.WriteByte(aStruct)
		reference(b, function)
		b.WriteByte(0)
		for range 10_000 {
			self := b.Len()
			b.WriteByte(anInlined)
			code(b)
			reference(b, self+21) // the next one; the last names what is not there
		}
	})
	frames := l.at(0x1010)
	if len(frames) == 0 || len(frames) > inlineDepth {
		t.Errorf("%d frames, want some, and %d at most", len(frames), inlineDepth)
	}
}

// TestEntriesInEachOtherWithoutEnd: as many levels as a file has bytes must take no
// stack, because one that is too deep ends the program (at 1 GB, unless told).
func TestEntriesInEachOtherWithoutEnd(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(4 << 20))
	l := debugInfo(t, func(b *bytes.Buffer) {
		b.WriteByte(aFunction)
		code(b)
		reference(b, unitStart)
		for range 500_000 {
			b.WriteByte(aStruct)
			reference(b, 0)
		}
	})
	if frames := l.at(0x1010); len(frames) != 1 {
		t.Errorf("%d frames, want the function's", len(frames))
	}
}
