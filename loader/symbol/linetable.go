// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"encoding/binary"
	"path"
	"slices"
	"time"
)

const (
	pathBound = 4096    // bytes that are read of a source file's path; Linux opens none that is longer
	fileBound = 1 << 18 // folders, and files, of one unit's line table
)

// lineSections are what line tables are read from.
type lineSections struct {
	order                  binary.ByteOrder
	line, lineStr, strings []byte
}

// lineTable is what one unit's line table says.
type lineTable struct {
	rows     []row // by address
	folders  [][]byte
	files    []sourceFile
	compiled string // the folder that relative ones are below, up to DWARF 4
}

// sourceFile is a file of a line table. Its name begins where the slice does, and
// ends with the first zero. Names are cut off and joined with their folders when one
// is asked for: if a million files share one long string, all of them together take
// more memory than there is.
type sourceFile struct {
	name   []byte
	folder uint64
}

// row says that from an address on code is of a line.
type row struct {
	address uint64
	file    uint32
	line    int32
	end     bool // of a sequence: no line from here
}

// path is that of a file of the table; empty for one that it does not have.
func (t *lineTable) path(file uint64) string {
	if t == nil || file >= uint64(len(t.files)) {
		return ""
	}
	f := t.files[file]
	name := text(f.name)
	if name == "" || path.IsAbs(name) || f.folder >= uint64(len(t.folders)) {
		return name
	}
	folder := text(t.folders[f.folder])
	if !path.IsAbs(folder) {
		folder = path.Join(t.compiled, folder)
	}
	return path.Join(folder, name)
}

// text is what stands before the first zero.
func text(b []byte) string {
	b = b[:min(len(b), pathBound)]
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return string(b)
}

// at is the source line of an address.
func (t *lineTable) at(address uint64) (file string, line int) {
	if t == nil {
		return "", 0
	}
	i, _ := slices.BinarySearchFunc(t.rows, address, func(r row, a uint64) int {
		if r.address <= a {
			return -1
		}
		return 1
	})
	if i == 0 || t.rows[i-1].end {
		return "", 0
	}
	return t.path(uint64(t.rows[i-1].file)), int(t.rows[i-1].line)
}

// readLineTable reads the table at an offset, of at most room rows, until it is too
// late; what was read of one that breaks off holds. It is nil if its head is broken.
// The standard library's reader takes from the file how much memory to ask for.
func readLineTable(s lineSections, offset int64, compiled string, room int, until time.Time) *lineTable {
	if offset < 0 || offset > int64(len(s.line)) {
		return nil
	}
	p := lineProgram{cursor: cursor{data: s.line[offset:], order: s.order}, sections: s}
	p.table.compiled = compiled
	if p.header(); p.broken {
		return nil
	}
	p.run(room, until)
	slices.SortStableFunc(p.table.rows, func(a, b row) int {
		switch {
		case a.address < b.address:
			return -1
		case a.address > b.address:
			return 1
		case a.end && !b.end: // one sequence ends where another begins
			return -1
		case b.end && !a.end:
			return 1
		}
		return 0
	})
	return &p.table
}

// header reads what stands before the program.
func (p *lineProgram) header() {
	length, wide := p.unitLength()
	p.limit(length)
	p.wide = wide
	version := p.u16()
	if version < 2 || version > 5 {
		p.broken = true
		return
	}
	if version >= 5 {
		p.take(2) // bytes of an address, and of a segment
	}
	rest := p.offset(wide)
	if rest > uint64(len(p.data)) {
		p.broken = true
		return
	}
	program := p.data[rest:]
	p.step, p.perStep = uint64(p.u8()), 1
	if version >= 4 {
		p.perStep = uint64(p.u8())
	}
	p.take(1) // whether a row begins a statement
	p.lineBase, p.lineRange, p.special = int64(int8(p.u8())), uint64(p.u8()), p.u8()
	for i := 1; i < int(p.special); i++ {
		p.arguments[i] = p.u8()
	}
	if p.perStep == 0 || p.lineRange == 0 {
		p.broken = true
		return
	}
	if version >= 5 {
		for _, folder := range p.entries() {
			p.table.folders = append(p.table.folders, folder.name)
		}
		p.table.files = p.entries()
	} else {
		p.olderEntries()
	}
	p.data = program
}

// olderEntries reads the folders and files of DWARF 2 to 4. Folder 0 is that of the
// compiler, and there is no file 0.
func (p *lineProgram) olderEntries() {
	p.table.folders, p.table.files = [][]byte{nil}, []sourceFile{{}}
	for len(p.table.folders) < fileBound {
		folder := p.string()
		if len(folder) == 0 {
			break
		}
		p.table.folders = append(p.table.folders, folder)
	}
	for !p.broken && p.olderEntry() {
	}
}

// olderEntry reads one file, if there is one more.
func (p *lineProgram) olderEntry() bool {
	name := p.string()
	if len(name) == 0 {
		return false
	}
	folder := p.uleb()
	p.uleb() // when it was changed
	p.uleb() // its size
	if len(p.table.files) >= fileBound {
		p.broken = true
	} else {
		p.table.files = append(p.table.files, sourceFile{name, folder})
	}
	return true
}

// What an entry of DWARF 5 says, and how it is written.
const (
	contentPath   = 1
	contentFolder = 2

	formBlock2   = 0x03
	formBlock4   = 0x04
	formData2    = 0x05
	formData4    = 0x06
	formData8    = 0x07
	formString   = 0x08
	formBlock    = 0x09
	formBlock1   = 0x0a
	formData1    = 0x0b
	formStrp     = 0x0e
	formUdata    = 0x0f
	formStrx     = 0x1a
	formStrpSup  = 0x1d
	formData16   = 0x1e
	formLineStrp = 0x1f
	formStrx1    = 0x25
	formStrx2    = 0x26
	formStrx3    = 0x27
	formStrx4    = 0x28
)

// entries reads the folders, or the files, of DWARF 5.
func (p *lineProgram) entries() []sourceFile {
	type part struct{ content, form uint64 }
	format := make([]part, p.u8())
	for i := range format {
		format[i] = part{p.uleb(), p.uleb()}
	}
	count := p.uleb()
	// Each takes a byte, so that there can't be more than what is left.
	if count > fileBound || count > uint64(len(p.data)) || len(format) == 0 && count > 0 {
		p.broken = true
		return nil
	}
	files := make([]sourceFile, count)
	for i := range files {
		for _, part := range format {
			name, number := p.form(part.form)
			switch part.content {
			case contentPath:
				files[i].name = name
			case contentFolder:
				files[i].folder = number
			}
		}
		if p.broken {
			return nil
		}
	}
	return files
}

// form reads a value: a string's beginning or a number. One that is not known breaks
// the table, for nobody knows its length.
func (p *lineProgram) form(form uint64) (name []byte, number uint64) {
	switch form {
	case formString:
		return p.string(), 0
	case formStrp:
		return p.behind(p.sections.strings, p.offset(p.wide)), 0
	case formLineStrp:
		return p.behind(p.sections.lineStr, p.offset(p.wide)), 0
	case formStrpSup:
		p.offset(p.wide)
	case formData1, formStrx1:
		return nil, uint64(p.u8())
	case formData2, formStrx2:
		return nil, uint64(p.u16())
	case formStrx3:
		p.take(3)
	case formData4, formStrx4:
		return nil, uint64(p.u32())
	case formData8:
		return nil, p.u64()
	case formUdata, formStrx:
		return nil, p.uleb()
	case formData16:
		p.take(16)
	case formBlock:
		p.take(p.uleb())
	case formBlock1:
		p.take(uint64(p.u8()))
	case formBlock2:
		p.take(uint64(p.u16()))
	case formBlock4:
		p.take(uint64(p.u32()))
	default:
		p.broken = true
	}
	return nil, 0
}

func (p *lineProgram) behind(section []byte, offset uint64) []byte {
	if offset > uint64(len(section)) {
		p.broken = true
		return nil
	}
	return section[offset:]
}
