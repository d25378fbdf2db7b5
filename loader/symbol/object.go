// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
)

// symbolBound is the largest symbol table, in bytes, that is read of one file.
const symbolBound = 512 << 20

// object is one mapped file.
type object struct {
	functions table
	segments  []elf.ProgHeader // loadable, to turn file offsets into addresses
	buildID   string
}

// readObject reads a file's symbols. The file is the target's, so a table that
// claims to be larger than the file is refused before memory is asked for.
func readObject(file *os.File) (*object, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file.Name(), err)
	}
	o := &object{buildID: buildID(f, info.Size())}
	for _, program := range f.Progs {
		if program.Type == elf.PT_LOAD {
			o.segments = append(o.segments, program.ProgHeader)
		}
	}
	var entries []entry
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		section := f.SectionByType(kind)
		if section == nil {
			continue
		}
		if section.Size > uint64(info.Size()) || section.Size > symbolBound {
			return o, fmt.Errorf("read %s: a symbol table of %d bytes in a file of %d", file.Name(), section.Size, info.Size())
		}
		symbols, err := f.Symbols()
		if kind == elf.SHT_DYNSYM {
			symbols, err = f.DynamicSymbols()
		}
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return o, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		entries = append(entries, functions(symbols)...)
	}
	o.functions = sorted(entries)
	return o, nil
}

func functions(symbols []elf.Symbol) []entry {
	var entries []entry
	for _, s := range symbols {
		kind := elf.ST_TYPE(s.Info)
		if (kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC) || s.Value == 0 || s.Section == elf.SHN_UNDEF {
			continue
		}
		entries = append(entries, entry{start: s.Value, size: s.Size, name: s.Name})
	}
	return entries
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

// buildID reads the GNU build id note, in hex; empty when there is none.
func buildID(f *elf.File, size int64) string {
	section := f.Section(".note.gnu.build-id")
	if section == nil || section.Size < 16 || section.Size > 1024 || section.Size > uint64(size) {
		return ""
	}
	note, err := section.Data()
	if err != nil {
		return ""
	}
	name, desc := f.ByteOrder.Uint32(note), f.ByteOrder.Uint32(note[4:])
	start := 12 + (uint64(name)+3)/4*4
	if start+uint64(desc) > uint64(len(note)) {
		return ""
	}
	return hex.EncodeToString(note[start : start+uint64(desc)])
}
