// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxNotes bounds the notes that are read of one segment.
const maxNotes = 64 << 10

// maxSegments bounds the program headers that are looked at; linkers make some 15.
const maxSegments = 512

// identifyExecutable reads an executable's build id (hex of the GNU note; empty
// when there is none) and its width in bits (0 when it is no ELF file: then it
// is an interpreter's script or something else the kernel can run). Errors are
// those of opening the file.
func identifyExecutable(path string) (buildID string, bits int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	id, bits, err := identifyELF(file)
	if err != nil {
		return "", 0, nil
	}
	return id, bits, nil
}

// identifyELF is identifyExecutable for an open file, with an error for what is
// no ELF file. It reads the program headers alone, which what runs must have:
// section headers may ask for any amount of memory.
func identifyELF(r io.ReaderAt) (buildID string, bits int, err error) {
	var head [64]byte
	if n, err := r.ReadAt(head[:], 0); n < 52 || string(head[:4]) != elf.ELFMAG {
		return "", 0, fmt.Errorf("read ELF file: no header: %w", err)
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	in := programHeaders{file: r, order: order}
	switch elf.Class(head[elf.EI_CLASS]) {
	case elf.ELFCLASS64:
		bits, in.offset, in.entry, in.count = 64, order.Uint64(head[32:]), order.Uint16(head[54:]), order.Uint16(head[56:])
	case elf.ELFCLASS32:
		bits, in.offset, in.entry, in.count = 32, uint64(order.Uint32(head[28:])), order.Uint16(head[42:]), order.Uint16(head[44:])
	default:
		return "", 0, errors.New("read ELF file: neither of 32 nor of 64 bits")
	}
	return in.buildID(bits), bits, nil
}

// programHeaders say where the program headers of an ELF file are.
type programHeaders struct {
	file         io.ReaderAt
	order        binary.ByteOrder
	offset       uint64
	entry, count uint16
}

// buildID looks through the notes; empty where there is none.
func (h programHeaders) buildID(bits int) string {
	for i := range uint64(min(h.count, maxSegments)) {
		var b [56]byte
		if _, err := h.file.ReadAt(b[:bits*56/64], int64(h.offset+i*uint64(h.entry))); err != nil && err != io.EOF {
			return ""
		}
		if elf.ProgType(h.order.Uint32(b[:])) != elf.PT_NOTE {
			continue
		}
		var offset, size, align uint64
		if bits == 64 {
			offset, size, align = h.order.Uint64(b[8:]), h.order.Uint64(b[32:]), h.order.Uint64(b[48:])
		} else {
			offset, size, align = uint64(h.order.Uint32(b[4:])), uint64(h.order.Uint32(b[16:])), uint64(h.order.Uint32(b[28:]))
		}
		notes := make([]byte, min(size, maxNotes))
		n, _ := h.file.ReadAt(notes, int64(offset)) // what is not there is no note
		if id, err := parseBuildID(notes[:n], align, h.order); err == nil && id != "" {
			return id
		}
	}
	return ""
}

var errNotes = errors.New("parse ELF notes: cut short")

// parseBuildID finds the build id among the notes of one segment: type 3 with
// the name "GNU". Notes are padded to 4 bytes, or to 8 where the segment is
// aligned so.
func parseBuildID(notes []byte, align uint64, order binary.ByteOrder) (string, error) {
	const header, buildID = 12, 3
	pad := uint64(4)
	if align == 8 {
		pad = 8
	}
	up := func(n uint64) uint64 { return (n + pad - 1) &^ (pad - 1) }
	for len(notes) >= header {
		nameSize := uint64(order.Uint32(notes))
		descSize := uint64(order.Uint32(notes[4:]))
		kind := order.Uint32(notes[8:])
		desc := up(header + nameSize)
		end := desc + descSize
		if end > uint64(len(notes)) {
			return "", errNotes
		}
		if kind == buildID && string(notes[header:header+nameSize]) == "GNU\x00" && descSize > 0 {
			return hex.EncodeToString(notes[desc:end]), nil
		}
		notes = notes[min(up(end), uint64(len(notes))):]
	}
	return "", nil
}
