// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"debug/elf"
	"encoding/binary"
)

// Where things are in the objects that tests make: file offset and address are
// one. The function takes all of the code.
const (
	codeAt    = 0x1000
	codeBytes = 0x100
	frameAt   = 0x200
	indexAt   = 0x180
	dataAt    = 0x1800
)

// entrySpec is one function and its common entry, for the tests of what differs.
type entrySpec struct {
	augmentation string // default "zR"
	data         []byte // of the augmentation; default: pc-relative, 4 bytes
	common       []byte // instructions; default: CFA rsp+8, return address at CFA-8
	instructions []byte
	version      byte // default 1
	wide         bool // 64-bit DWARF
	start        []byte
	length       []byte
}

// object is an ELF object of one function with these instructions.
func object(instructions []byte) []byte { return objectOf(entrySpec{instructions: instructions}) }

// wide takes the section headers' place, which these objects have none of, to
// make the header odd: an object whose section table lies outside the file.
func wide(object []byte) []byte {
	binary.LittleEndian.PutUint64(object[40:], 1<<40)
	binary.LittleEndian.PutUint16(object[58:], 64)
	binary.LittleEndian.PutUint16(object[60:], 4)
	return object
}

func objectOf(e entrySpec) []byte {
	file := make([]byte, 0x2000)
	le := binary.LittleEndian
	copy(file, elf.ELFMAG)
	file[4], file[5], file[6] = 2, 1, 1
	le.PutUint16(file[16:], uint16(elf.ET_DYN))
	le.PutUint16(file[18:], uint16(elf.EM_X86_64))
	le.PutUint64(file[32:], 64)
	le.PutUint16(file[54:], 56)
	headers := []struct {
		kind        elf.ProgType
		flags       elf.ProgFlag
		start, size uint64
	}{
		{elf.PT_LOAD, elf.PF_R, 0, 0x1000},
		{elf.PT_LOAD, elf.PF_R | elf.PF_X, codeAt, codeBytes},
		{elf.PT_LOAD, elf.PF_R | elf.PF_W, dataAt, 0x100},
		{elf.PT_GNU_EH_FRAME, elf.PF_R, indexAt, 12},
		{elf.PT_DYNAMIC, elf.PF_R | elf.PF_W, dataAt, 32},
	}
	le.PutUint16(file[56:], uint16(len(headers)))
	for i, h := range headers {
		p := file[64+56*i:]
		le.PutUint32(p, uint32(h.kind))
		le.PutUint32(p[4:], uint32(h.flags))
		le.PutUint64(p[8:], h.start)
		le.PutUint64(p[16:], h.start)
		le.PutUint64(p[32:], h.size)
		le.PutUint64(p[40:], h.size)
	}
	// The index: the section's address pc-relative, no table.
	copy(file[indexAt:], []byte{1, pointerPC | pointerSdata4, pointerOmitted, pointerOmitted})
	le.PutUint32(file[indexAt+4:], frameAt-(indexAt+4))
	// The dynamic section: DT_PLTGOT is the data segment.
	le.PutUint64(file[dataAt:], uint64(elf.DT_PLTGOT))
	le.PutUint64(file[dataAt+8:], dataAt)
	le.PutUint64(file[dataAt+0x80:], codeAt) // for indirect pointers
	copy(file[frameAt:], e.frames())
	return file
}

// frames are the common entry, the function and the end.
func (e entrySpec) frames() []byte {
	if e.augmentation == "" {
		e.augmentation, e.data = "zR", []byte{pointerPC | pointerSdata4}
	}
	if e.common == nil {
		e.common = []byte{cfaDefCFA, 7, 8, cfaOffset | 16, 1}
	}
	if e.version == 0 {
		e.version = 1
	}
	common := []byte{0, 0, 0, 0, e.version}
	common = append(append(common, e.augmentation...), 0)
	if e.version == 4 {
		common = append(common, 8, 0)
	}
	common = append(common, 1, 0x78, 16) // factors 1 and -8, return address in 16
	if e.augmentation[0] == 'z' {
		common = append(append(common, byte(len(e.data))), e.data...)
	}
	out := e.entry(append(common, e.common...))
	at := uint64(frameAt + len(out) + 8)
	back := uint32(len(out) + 4)
	if e.wide {
		at, back = at+8, back+8
	}
	function := binary.LittleEndian.AppendUint32(nil, back)
	if e.start == nil {
		e.start = binary.LittleEndian.AppendUint32(nil, uint32(codeAt-at))
		e.length = binary.LittleEndian.AppendUint32(nil, codeBytes)
	}
	function = append(append(function, e.start...), e.length...)
	if e.augmentation[0] == 'z' {
		function = append(function, 0)
	}
	out = append(out, e.entry(append(function, e.instructions...))...)
	return append(out, 0, 0, 0, 0)
}

// entry is a body behind its length.
func (e entrySpec) entry(body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, cfaNop)
	}
	if e.wide {
		head := binary.LittleEndian.AppendUint32(nil, 0xffffffff)
		return append(binary.LittleEndian.AppendUint64(head, uint64(len(body))), body...)
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}
