// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
)

const (
	mostTable   = 96 << 20  // bytes of a symbol table: four million symbols
	mostStrings = 512 << 20 // bytes of their names; a browser's are 300 MB
	mostName    = 64 << 10  // bytes of one name; templates make long ones
	mostKept    = 768 << 20 // bytes of all names that are kept
)

// Functions gives the defined functions of one symbol table, none if there is no
// such table. size is the file's. What does not fit into the bounds is refused;
// names that are cut short by them are left out.
func Functions(f *elf.File, kind elf.SectionType, size int64) (functions []elf.Symbol, err error) {
	defer func() {
		if p := recover(); p != nil {
			functions, err = nil, fmt.Errorf("the file is broken: %v", p)
		}
	}()
	section := f.SectionByType(kind)
	if section == nil {
		return nil, nil
	}
	table, err := whole(section, mostTable, size, "a symbol table")
	if err != nil {
		return nil, err
	}
	if section.Link == 0 || int(section.Link) >= len(f.Sections) {
		return nil, fmt.Errorf("its symbol table has no names: section %d", section.Link)
	}
	names, err := whole(f.Sections[section.Link], mostStrings, size, "a table of names")
	if err != nil {
		return nil, err
	}
	length, decode := elf.Sym64Size, decode64
	if f.Class == elf.ELFCLASS32 {
		length, decode = elf.Sym32Size, decode32
	}
	kept := 0
	for first := true; len(table) >= length; table, first = table[length:], false {
		s, name := decode(f, table)
		kind := elf.ST_TYPE(s.Info)
		if first || kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC || s.Value == 0 || s.Section == elf.SHN_UNDEF || int64(name) >= int64(len(names)) {
			continue
		}
		text := names[name:min(len(names), int(name)+mostName)]
		end := bytes.IndexByte(text, 0)
		if end < 0 {
			continue
		}
		if kept += end; kept > mostKept {
			return functions, fmt.Errorf("more than %d bytes of names: some functions have none", mostKept)
		}
		s.Name = string(text[:end])
		functions = append(functions, s)
	}
	return functions, nil
}

func decode64(f *elf.File, b []byte) (s elf.Symbol, name uint32) {
	o := f.ByteOrder
	return elf.Symbol{Info: b[4], Other: b[5], Section: elf.SectionIndex(o.Uint16(b[6:])), Value: o.Uint64(b[8:]), Size: o.Uint64(b[16:])}, o.Uint32(b)
}

func decode32(f *elf.File, b []byte) (s elf.Symbol, name uint32) {
	o := f.ByteOrder
	return elf.Symbol{Info: b[12], Other: b[13], Section: elf.SectionIndex(o.Uint16(b[14:])), Value: uint64(o.Uint32(b[4:])), Size: uint64(o.Uint32(b[8:]))}, o.Uint32(b)
}

// whole reads a section that is not compressed, and not larger than the file.
func whole(s *elf.Section, most uint64, size int64, what string) ([]byte, error) {
	if s.Size > uint64(size) || s.Size > most || s.Flags&elf.SHF_COMPRESSED != 0 || s.Type == elf.SHT_NOBITS {
		return nil, fmt.Errorf("%s of %d bytes in a file of %d", what, s.Size, size)
	}
	data, err := io.ReadAll(io.NewSectionReader(s.ReaderAt, 0, int64(s.Size)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return data, nil
}
