// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ipcprobe/ipcprobe/loader/image"
)

// object is one mapped file: what names the addresses in it. The headers are read
// at once, while the target lives; tables when the first address is asked for.
type object struct {
	path     string // as the target sees it
	file     io.ReaderAt
	closer   io.Closer // nil: memory
	size     int64
	elf      *elf.File
	segments []elf.ProgHeader // loadable, to turn file offsets into addresses
	buildID  string
	resolved []entry // functions that the loader chose among several
	debug    *object // the same object's separate debug information; nil: none
	tables   *tables
	lines    *lines
	problem  error // of the tables: why some names may be missing
}

// openObject reads the headers of a file, which it owns from then on.
func openObject(file *os.File) (*object, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	o, err := newObject(file.Name(), file, info.Size())
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	o.closer = file
	return o, nil
}

// newObject reads the headers of an ELF object of size bytes.
func newObject(path string, file io.ReaderAt, size int64) (o *object, err error) {
	defer guard(&err, path)
	f, err := image.Open(file, size)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	o = &object{path: path, file: file, size: size, elf: f}
	o.buildID = buildID(f, size)
	for _, program := range f.Progs {
		if program.Type == elf.PT_LOAD {
			o.segments = append(o.segments, program.ProgHeader)
		}
	}
	return o, nil
}

// guard turns a panic of a parser into an error: the file is the target's, and a
// parser that it breaks must not end the measurement.
func guard(err *error, path string) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("read %s: the file is broken: %v", path, r)
	}
}

func (o *object) close() error {
	if o == nil {
		return nil
	}
	var err error
	if o.closer != nil {
		err = o.closer.Close()
	}
	return errors.Join(err, o.debug.close())
}

// address turns an offset in the file into the address that symbols use.
func (o *object) address(offset uint64) uint64 {
	for _, segment := range o.segments {
		if offset >= segment.Off && offset-segment.Off < segment.Filesz {
			return segment.Vaddr + offset - segment.Off
		}
	}
	return offset
}

// code reads bytes at an address of the object, fewer at a segment's end.
func (o *object) code(address uint64, bytes []byte) int {
	for _, s := range o.segments {
		if address >= s.Vaddr && address-s.Vaddr < s.Filesz {
			left := min(uint64(len(bytes)), s.Filesz-(address-s.Vaddr))
			n, _ := o.file.ReadAt(bytes[:left], int64(s.Off+address-s.Vaddr)) // what is not read is not there
			return n
		}
	}
	return 0
}

// section reads a section that must lie in the file as it is.
func (o *object) section(name string, bound uint64) []byte {
	s := o.elf.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS || s.Flags&elf.SHF_COMPRESSED != 0 ||
		s.Size == 0 || s.Size > bound || s.Size > uint64(o.size) {
		return nil
	}
	data, err := s.Data()
	if err != nil {
		return nil
	}
	return data
}
