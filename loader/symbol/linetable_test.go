// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"
)

// sequence is a row of a line table in the words of both readers.
type sequence struct {
	address uint64
	file    string
	line    int
	end     bool
}

// TestRowsAreThoseOfTheStandardLibrary: on files that mean no harm both readers find
// the same.
func TestRowsAreThoseOfTheStandardLibrary(t *testing.T) {
	self, err := os.Executable() // of Go, if it was linked with debug information
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, file := range []string{compiled(t, "-gdwarf-5"), compiled(t, "-gdwarf-4"), compiled(t, "-gdwarf-3"),
		compiled(t, "-gdwarf-2", "-gstrict-dwarf"), compiled(t, "-gdwarf64", "-gdwarf-5"), self} {
		o := opened(t, file)
		l, err := o.openLines(newAllowance())
		if err != nil {
			t.Fatal(err)
		}
		if l == nil {
			continue
		}
		f, err := elf.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		data, err := f.DWARF()
		if err != nil {
			t.Fatal(err)
		}
		r := data.Reader()
		for {
			unit, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if unit == nil {
				break
			}
			if unit.Tag == dwarf.TagCompileUnit {
				total += sameRows(t, l, data, unit)
			}
			r.SkipChildren()
		}
	}
	if t.Logf("%d rows", total); total < 100 {
		t.Error("they are too few")
	}
}

// sameRows compares the line tables of one unit, and says how many rows they have.
func sameRows(t *testing.T, l *lines, data *dwarf.Data, unit *dwarf.Entry) int {
	t.Helper()
	reader, err := data.LineReader(unit)
	if err != nil {
		t.Fatal(err)
	}
	if reader == nil {
		return 0
	}
	at, _ := unit.Val(dwarf.AttrStmtList).(int64)
	folder, _ := unit.Val(dwarf.AttrCompDir).(string)
	p := lineProgram{cursor: cursor{data: l.tables.line[at:], order: l.tables.order}, sections: l.tables}
	p.table.compiled = folder
	p.header()
	p.run(rowsKept, time.Now().Add(time.Hour))
	if p.broken {
		t.Fatal("the table is taken for broken")
	}
	var e dwarf.LineEntry
	for i := 0; ; i++ {
		err := reader.Next(&e)
		if errors.Is(err, io.EOF) {
			if i != len(p.table.rows) {
				t.Errorf("%d rows, want %d", len(p.table.rows), i)
			}
			return i
		}
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(p.table.rows) {
			t.Fatalf("only %d rows", i)
		}
		row := p.table.rows[i]
		want := sequence{address: e.Address, line: e.Line, end: e.EndSequence}
		if e.File != nil {
			want.file = path.Clean(e.File.Name)
		}
		if got := (sequence{row.address, path.Clean(p.table.path(uint64(row.file))), int(row.line), row.end}); got != want {
			t.Fatalf("row %d: %+v, want %+v", i, got, want)
		}
	}
}

// lineHead begins a line table of DWARF 5 whose folders and files are as given.
func lineHead(entries ...byte) []byte {
	head := []byte{1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1}
	head = append(head, entries...)
	return append(binary.LittleEndian.AppendUint32([]byte{5, 0, 8, 0}, uint32(len(head))), head...)
}

func lineTableOf(head, program []byte) []byte {
	body := append(bytes.Clone(head), program...)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// frugally runs what must not take much memory.
func frugally(t *testing.T, most uint64, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Errorf("%d MiB were asked for", took>>20)
	}
}

// TestLineTablesThatAskForTooMuch: tables of a few bytes, that the standard library
// takes gigabytes for, and such that never come to a row, or to too many.
func TestLineTablesThatAskForTooMuch(t *testing.T) {
	later := time.Now().Add(time.Hour)
	order := binary.LittleEndian
	uleb := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	t.Run("folders without number", func(t *testing.T) {
		for _, n := range []uint64{1 << 26, 1 << 40, 1 << 63} {
			frugally(t, 1<<20, func() {
				data := lineTableOf(lineHead(append([]byte{0}, uleb(n)...)...), nil)
				if got := readLineTable(lineSections{order: order, line: data}, 0, "", 1000, later); got != nil {
					t.Errorf("%d folders: they are believed", n)
				}
			})
		}
	})
	t.Run("files that share one long name", func(t *testing.T) {
		const files = 100_000
		entries := []byte{1, contentPath, formLineStrp, 1, 0, 0, 0, 0} // a folder, whose name is as long
		entries = append(entries, 1, contentPath, formLineStrp)
		entries = append(entries, uleb(files)...)
		entries = append(entries, make([]byte, 4*files)...)
		long := append(bytes.Repeat([]byte{'a'}, 1<<20), 0)
		frugally(t, 64<<20, func() {
			got := readLineTable(lineSections{order: order, line: lineTableOf(lineHead(entries...), nil), lineStr: long}, 0, "", 1000, later)
			if got == nil || len(got.files) != files {
				t.Fatal("the files are not read")
			}
			if name := got.path(7); len(name) > 2*pathBound+1 || !strings.HasPrefix(name, "aaa") {
				t.Errorf("a path of %d bytes", len(name))
			}
		})
	})
	none := lineHead(0, 0, 0, 0)
	t.Run("rows without end", func(t *testing.T) {
		data := lineTableOf(none, bytes.Repeat([]byte{lineCopy}, 100_000))
		if got := readLineTable(lineSections{order: order, line: data}, 0, "", 1000, later); got == nil || len(got.rows) != 1000 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("until it is too late", func(t *testing.T) {
		data := lineTableOf(none, bytes.Repeat([]byte{lineCopy}, 100_000))
		if got := readLineTable(lineSections{order: order, line: data}, 0, "", rowsKept, time.Now()); got == nil || len(got.rows) >= clockEvery {
			t.Error("the clock is not looked at")
		}
	})
	t.Run("an instruction that is longer than the table", func(t *testing.T) {
		data := lineTableOf(none, []byte{lineCopy, lineExtended, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, lineEndSequence})
		if got := readLineTable(lineSections{order: order, line: data}, 0, "", 1000, later); got == nil || len(got.rows) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// TestDebugInformationThatAsksForTooMuch: each of some thousand units has its forms
// of entries one byte further on in the same list, one string is named by each
// entry, an entry has a million attributes.
func TestDebugInformationThatAsksForTooMuch(t *testing.T) {
	order := binary.LittleEndian
	unit := func(forms uint32) []byte {
		body := append(binary.LittleEndian.AppendUint32([]byte{4, 0}, forms), 8, 0)
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	var overlapping []byte
	list := bytes.Repeat([]byte{1, 0x11, 0, 0, 0}, 10_000)
	for i := range uint32(1000) {
		overlapping = append(overlapping, unit(i*5)...)
	}
	attributes := []byte{1, 0x11, 0}
	for range 1_000_000 {
		attributes = append(attributes, 0x03, 0x0e)
	}
	for name, sections := range map[string]map[string][]byte{
		"forms that overlap": {"info": overlapping, "abbrev": append(list, 0)},
		"attributes":         {"info": unit(0), "abbrev": append(attributes, 0, 0, 0)},
		"a long string":      {"info": unit(0), "abbrev": {0}, "str": bytes.Repeat([]byte{'a'}, 1<<20)},
		"units":              {"info": bytes.Repeat(unit(0), unitBound+1), "abbrev": {0}},
		"a unit's length":    {"info": {0xff, 0xff, 0xff, 0x7f, 4, 0}, "abbrev": {0}},
	} {
		t.Run(name, func(t *testing.T) {
			frugally(t, 64<<20, func() {
				if _, err := checkDebugInfo(sections, order); err == nil {
					t.Error("it is not refused")
				} else {
					t.Log(err)
				}
			})
		})
	}
	if roots, err := checkDebugInfo(map[string][]byte{"info": append(unit(0), unit(5)...), "abbrev": append(list[:5:5], 0, 1, 0x11, 0, 0, 0, 0)}, order); err != nil || len(roots) != 2 || roots[0] != unitStart || roots[1] != 12+unitStart {
		t.Errorf("two plain units: %v, %v", roots, err)
	}
}

// TestUnitsThatShareALongListOfRanges: each of many units is said to be where one
// list says that goes on and on, so that to find an address takes for ever.
func TestUnitsThatShareALongListOfRanges(t *testing.T) {
	const units, ranges = 5000, 100_000
	form := []byte{aUnit, 0x11, 0, 0x55, 0x17, 0, 0, 0} // ranges, an offset
	unit := append(binary.LittleEndian.AppendUint32(nil, 12), 4, 0, 0, 0, 0, 0, 8, aUnit, 0, 0, 0, 0)
	list := bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, ranges)
	info := bytes.Repeat(unit, units)
	roots, err := checkDebugInfo(map[string][]byte{"info": info, "abbrev": form}, binary.LittleEndian)
	if err != nil || len(roots) != units {
		t.Fatalf("%d units, %v", len(roots), err)
	}
	data, err := dwarf.New(form, nil, nil, info, nil, nil, list, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &lines{data: data, roots: roots, left: 20 * time.Millisecond, all: newAllowance()}
	if frames := l.at(0x5000); len(frames) > 0 || !errors.Is(l.err, errSlow) {
		t.Errorf("%v, %v", frames, l.err)
	}
	if frames := l.at(1); len(frames) > 0 {
		t.Errorf("it is gone on with: %v", frames)
	}
	inside := &lines{data: data, roots: roots, left: time.Hour, all: &allowance{time: time.Hour}, ranges: rangesKept - ranges + 1}
	if frames := inside.at(1); len(frames) > 0 || !errors.Is(inside.err, errLarge) {
		t.Errorf("more ranges than there is room for: %v, %v", frames, inside.err)
	}
}

func FuzzLineTable(f *testing.F) {
	f.Add(lineTableOf(lineHead(1, contentPath, formString, 1, 'd', 0, 2, contentPath, formString, contentFolder, formUdata, 1, 'f', 0, 0),
		[]byte{0, 9, lineSetAddress, 0, 16, 0, 0, 0, 0, 0, 0, 20, 30, 0, 1, lineEndSequence}))
	f.Add(lineTableOf(lineHead(0, 0, 0, 0), []byte{lineAdvanceAddress, 5, lineCopy}))
	f.Add([]byte{12, 0, 0, 0, 3, 0, 9, 0, 0, 0, 1, 1, 0xfb, 14, 1, 'd', 0, 0, 'f', 0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := lineSections{order: binary.LittleEndian, line: data, lineStr: data, strings: data}
		got := readLineTable(s, 0, "/c", 1000, time.Now().Add(time.Minute))
		if got == nil {
			return
		}
		if len(got.rows) > 1000 || len(got.files) > fileBound || len(got.folders) > fileBound {
			t.Fatalf("%d rows, %d files", len(got.rows), len(got.files))
		}
		for i := range min(len(got.files), 100) {
			got.path(uint64(i))
		}
		got.at(0x1000)
	})
}
