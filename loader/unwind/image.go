// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds on what a file may ask for. The largest tables in use (a browser's)
// are a quarter of tableBound.
const (
	segmentBound = 512      // program headers
	tableBound   = 64 << 20 // bytes of .eh_frame, or of its index
	sectionBound = 4096     // section headers
)

// ErrNoTable says that an object has no call frame information.
var ErrNoTable = errors.New("no unwind table")

// segment is a program header of an image.
type segment struct {
	kind                elf.ProgType
	executable          bool
	offset, start       uint64 // in the file, in the object's address space
	fileSize, imageSize uint64
}

// image is an ELF object as its program headers describe it. Sections are asked
// only where those are silent: a production binary may have none.
type image struct {
	file     io.ReaderAt
	size     int64
	order    binary.ByteOrder
	wide     bool // 64-bit
	machine  elf.Machine
	entry    uint64
	segments []segment
	sections []section
}

// section is what is kept of a section header, for files without an index.
type section struct{ start, offset, size uint64 }

// openImage reads the headers of an object of size bytes.
func openImage(file io.ReaderAt, size int64) (*image, error) {
	var head [64]byte
	if _, err := file.ReadAt(head[:], 0); err != nil && (err != io.EOF || size < 52) {
		return nil, fmt.Errorf("read the ELF header: %w", err)
	}
	if string(head[:4]) != elf.ELFMAG {
		return nil, errors.New("read the ELF header: not an ELF object")
	}
	o := &image{file: file, size: size, order: binary.LittleEndian}
	if elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB || elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS64 {
		return nil, errors.New("read the ELF header: not a little-endian 64-bit object")
	}
	o.wide = true
	o.machine = elf.Machine(o.order.Uint16(head[18:]))
	o.entry = o.order.Uint64(head[24:])
	err := o.readSegments(o.order.Uint64(head[32:]), int(o.order.Uint16(head[54:])), int(o.order.Uint16(head[56:])))
	if err != nil {
		return nil, err
	}
	o.readSections(o.order.Uint64(head[40:]), int(o.order.Uint16(head[58:])),
		int(o.order.Uint16(head[60:])), int(o.order.Uint16(head[62:])))
	return o, nil
}

func (o *image) readSegments(offset uint64, entry, count int) error {
	const length = 56
	if count > segmentBound || entry < length && count > 0 {
		return fmt.Errorf("read the program headers: %d of %d bytes", count, entry)
	}
	for i := range count {
		var raw [length]byte
		if err := o.readFile(raw[:], offset+uint64(i*entry)); err != nil {
			return fmt.Errorf("read the program headers: %w", err)
		}
		o.segments = append(o.segments, segment{
			kind:       elf.ProgType(o.order.Uint32(raw[0:])),
			executable: elf.ProgFlag(o.order.Uint32(raw[4:]))&elf.PF_X != 0,
			offset:     o.order.Uint64(raw[8:]),
			start:      o.order.Uint64(raw[16:]),
			fileSize:   o.order.Uint64(raw[32:]),
			imageSize:  o.order.Uint64(raw[40:]),
		})
	}
	return nil
}

// readSections keeps the sections named .eh_frame. What is wrong with section
// headers is no error: they may be gone or garbage in a stripped file.
func (o *image) readSections(offset uint64, entry, count, names int) {
	const length = 64
	if count > sectionBound || entry < length || names >= count {
		return
	}
	read := func(i int) (raw [length]byte, ok bool) {
		return raw, o.readFile(raw[:], offset+uint64(i*entry)) == nil
	}
	table, ok := read(names)
	if !ok {
		return
	}
	for i := range count {
		raw, ok := read(i)
		if !ok {
			return
		}
		var name [len(".eh_frame\x00")]byte
		at := o.order.Uint64(table[24:]) + uint64(o.order.Uint32(raw[0:]))
		if o.readFile(name[:], at) != nil || string(name[:]) != ".eh_frame\x00" {
			continue
		}
		o.sections = append(o.sections, section{
			start: o.order.Uint64(raw[16:]), offset: o.order.Uint64(raw[24:]), size: o.order.Uint64(raw[32:]),
		})
	}
}

// readFile fills p from the file at offset.
func (o *image) readFile(p []byte, offset uint64) error {
	if offset > uint64(o.size) || uint64(len(p)) > uint64(o.size)-offset {
		return io.ErrUnexpectedEOF
	}
	n, err := o.file.ReadAt(p, int64(offset))
	if n == len(p) {
		return nil
	}
	return err
}

// load is the loadable segment that holds an address.
func (o *image) load(address uint64) (segment, bool) {
	for _, s := range o.segments {
		if s.kind == elf.PT_LOAD && address >= s.start && address-s.start < s.imageSize {
			return s, true
		}
	}
	return segment{}, false
}

// read gives up to length bytes at an address of the object, as far as its
// segment goes in the file.
func (o *image) read(address, length uint64) ([]byte, error) {
	s, ok := o.load(address)
	if !ok || address-s.start >= s.fileSize {
		return nil, fmt.Errorf("read address 0x%x: %w", address, io.ErrUnexpectedEOF)
	}
	skip := address - s.start
	length = min(length, s.fileSize-skip)
	if at := s.offset + skip; at < s.offset || at > uint64(o.size) {
		return nil, fmt.Errorf("read address 0x%x: %w", address, io.ErrUnexpectedEOF)
	} else {
		length = min(length, uint64(o.size)-at)
	}
	data := make([]byte, length)
	if err := o.readFile(data, s.offset+skip); err != nil {
		return nil, fmt.Errorf("read address 0x%x: %w", address, err)
	}
	return data, nil
}

// executable says whether code may stand at an address.
func (o *image) executable(address uint64) bool {
	s, ok := o.load(address)
	return ok && s.executable
}

// code is the number of bytes of the file that are mapped executable.
func (o *image) code() uint64 {
	var bytes uint64
	for _, s := range o.segments {
		if s.kind == elf.PT_LOAD && s.executable {
			bytes += min(s.fileSize, uint64(o.size))
		}
	}
	return bytes
}

// first is the first program header of a kind.
func (o *image) first(kind elf.ProgType) (segment, bool) {
	for _, s := range o.segments {
		if s.kind == kind {
			return s, true
		}
	}
	return segment{}, false
}

// dynamic is the value of an entry of the dynamic section; 0 if there is none.
func (o *image) dynamic(tag elf.DynTag) uint64 {
	s, ok := o.first(elf.PT_DYNAMIC)
	if !ok {
		return 0
	}
	data, err := o.read(s.start, min(s.fileSize, 64<<10))
	if err != nil {
		return 0
	}
	for ; len(data) >= 16; data = data[16:] {
		switch elf.DynTag(o.order.Uint64(data)) {
		case elf.DT_NULL:
			return 0
		case tag:
			return o.order.Uint64(data[8:])
		}
	}
	return 0
}
