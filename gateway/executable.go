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

// maxNotes bounds the notes that are read of one segment or section.
const maxNotes = 64 << 10

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
// no ELF file.
func identifyELF(r io.ReaderAt) (buildID string, bits int, err error) {
	defer func() { // debug/elf is not written for hostile files
		if p := recover(); p != nil {
			buildID, bits, err = "", 0, fmt.Errorf("read ELF file: %v", p)
		}
	}()
	f, err := elf.NewFile(r)
	if err != nil {
		return "", 0, err
	}
	bits = 64
	if f.Class == elf.ELFCLASS32 {
		bits = 32
	}
	for _, p := range f.Progs { // what is loaded survives strip
		if p.Type == elf.PT_NOTE {
			if id := noteIn(p.Open(), p.Filesz, p.Align, f.ByteOrder); id != "" {
				return id, bits, nil
			}
		}
	}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOTE {
			if id := noteIn(s.Open(), s.FileSize, s.Addralign, f.ByteOrder); id != "" {
				return id, bits, nil
			}
		}
	}
	return "", bits, nil
}

func noteIn(r io.Reader, size, align uint64, order binary.ByteOrder) string {
	if size > maxNotes {
		size = maxNotes
	}
	notes, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return ""
	}
	id, err := parseBuildID(notes, align, order)
	if err != nil {
		return ""
	}
	return id
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
