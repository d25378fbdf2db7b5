// SPDX-License-Identifier: Apache-2.0

package image

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	mostSections = 1 << 14   // section headers; linkers make some 40
	mostNames    = 1 << 20   // bytes of section names
	mostCopies   = 256 << 20 // bytes that the names of all sections can come to, copied
)

var errCompressed = errors.New("its section names are compressed")

// Open reads the headers of an ELF file of size bytes. The file stays the caller's.
func Open(r io.ReaderAt, size int64) (f *elf.File, err error) {
	defer func() { // debug/elf is not written for hostile files
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("the file is broken: %v", p)
		}
	}()
	if err := checkSections(r, size); err != nil {
		return nil, err
	}
	return elf.NewFile(io.NewSectionReader(r, 0, size))
}

// sectionHeaders says where the section headers are, by the file's class.
type sectionHeaders struct {
	order                    binary.ByteOrder
	wide                     bool
	offset                   uint64
	entry, count, namesIndex uint64
}

// checkSections refuses a file whose section headers ask for too much. What is no
// ELF file at all is left to debug/elf to refuse.
func checkSections(r io.ReaderAt, size int64) error {
	h, ok := readHeader(r)
	if !ok || h.offset == 0 {
		return nil
	}
	if h.count == 0 { // more than 16 bits hold: the first header has the number
		_, h.count, _ = h.section(r, 0)
	}
	const escape = 0xffff
	if h.namesIndex == escape {
		_, _, h.namesIndex = h.section(r, 0)
	}
	if h.count > mostSections {
		return fmt.Errorf("%d sections are too many", h.count)
	}
	flags, names, _ := h.section(r, h.namesIndex)
	switch {
	case flags&uint64(elf.SHF_COMPRESSED) != 0:
		return errCompressed
	case names > mostNames || names > uint64(size) || names*h.count > mostCopies:
		return fmt.Errorf("%d bytes of names for %d sections are too many", names, h.count)
	}
	return nil
}

func readHeader(r io.ReaderAt) (h sectionHeaders, ok bool) {
	var b [64]byte
	n, _ := r.ReadAt(b[:], 0) // a short file is looked at as if zeros followed
	if n < 52 || string(b[:4]) != elf.ELFMAG {
		return h, false
	}
	h.order = binary.ByteOrder(binary.LittleEndian)
	if elf.Data(b[elf.EI_DATA]) == elf.ELFDATA2MSB {
		h.order = binary.BigEndian
	}
	at := 46 // e_shentsize of 32 bits
	if h.wide = elf.Class(b[elf.EI_CLASS]) == elf.ELFCLASS64; h.wide {
		at, h.offset = 58, h.order.Uint64(b[40:])
	} else {
		h.offset = uint64(h.order.Uint32(b[32:]))
	}
	h.entry, h.count, h.namesIndex = uint64(h.order.Uint16(b[at:])), uint64(h.order.Uint16(b[at+2:])), uint64(h.order.Uint16(b[at+4:]))
	return h, true
}

// section gives what is asked of one header; zeros where the file ends before it.
func (h sectionHeaders) section(r io.ReaderAt, index uint64) (flags, size, link uint64) {
	var b [64]byte
	if _, err := r.ReadAt(b[:40], int64(h.offset+index*h.entry)); err != nil {
		return 0, 0, 0
	}
	if !h.wide {
		return uint64(h.order.Uint32(b[8:])), uint64(h.order.Uint32(b[20:])), uint64(h.order.Uint32(b[24:]))
	}
	if _, err := r.ReadAt(b[40:], int64(h.offset+index*h.entry)+40); err != nil {
		return 0, 0, 0
	}
	return h.order.Uint64(b[8:]), h.order.Uint64(b[32:]), uint64(h.order.Uint32(b[40:]))
}
