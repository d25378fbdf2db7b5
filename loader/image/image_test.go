// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// sparse is a file of size bytes that are zero but for what is put in it.
type sparse struct {
	size  int64
	parts map[int64][]byte
	fill  byte
}

func (s sparse) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 || at >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), s.size-at))
	for i := range b[:n] {
		b[i] = s.fill
	}
	for offset, part := range s.parts {
		if from := max(offset, at); from < min(offset+int64(len(part)), at+int64(n)) {
			copy(b[from-at:n], part[from-offset:])
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// made is a file of these sections behind its header; offsets are their own.
func made(t *testing.T, size int64, count uint16, names uint16, sections ...elf.Section64) sparse {
	t.Helper()
	head := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1,
		Shoff: 64, Ehsize: 64, Shentsize: 64, Shnum: count, Shstrndx: names,
	}
	copy(head.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	var out bytes.Buffer
	for _, part := range append([]any{head}, any(sections)) {
		if err := binary.Write(&out, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return sparse{size: size, parts: map[int64][]byte{0: out.Bytes()}}
}

// taken is how much memory do asks for altogether.
func taken(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const gib = 1 << 30

func TestFilesThatAskForTooMuchAreRefused(t *testing.T) {
	const most = 64 << 20
	names := elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 4096, Size: 16}
	for name, file := range map[string]sparse{
		"4 GiB of sections":       made(t, 4*gib, 0, 1, elf.Section64{Size: 60_000_000}, names),
		"a million sections":      made(t, 4*gib, 0, 1, elf.Section64{Size: 1_000_000}, names),
		"names of 4 GiB":          made(t, 4*gib, 2, 1, elf.Section64{}, elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 4096, Size: 4*gib - 4096}),
		"names beyond the file":   made(t, 8192, 2, 1, elf.Section64{}, elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 4096, Size: 500_000}),
		"names that are packed":   made(t, gib, 2, 1, elf.Section64{}, elf.Section64{Type: uint32(elf.SHT_STRTAB), Flags: uint64(elf.SHF_COMPRESSED), Off: 4096, Size: 64}),
		"long names, many times":  made(t, gib, 16_000, 1, elf.Section64{}, elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 4_000_000, Size: 1 << 20}),
		"sections behind the end": made(t, 128, 900, 1),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if bytes := taken(func() { _, err = Open(file, file.size) }); bytes > most {
				t.Errorf("took %d MiB of memory", bytes>>20)
			}
			if err == nil {
				t.Error("the file was taken")
			}
		})
	}
}

func TestSymbolTablesThatAskForTooMuchAreRefused(t *testing.T) {
	symbols := func(size uint64) elf.Section64 {
		return elf.Section64{Type: uint32(elf.SHT_SYMTAB), Off: 1 << 16, Size: size, Entsize: 24, Link: 3}
	}
	names := elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 4096, Size: 16}
	for name, c := range map[string]struct {
		table, names elf.Section64
		most         uint64
	}{
		"a table of 3 GiB": {symbols(3 * gib), names, 1 << 20},
		"names of 3 GiB":   {symbols(240), elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 1 << 20, Size: 3 * gib}, 1 << 20},
		"no names":         {elf.Section64{Type: uint32(elf.SHT_SYMTAB), Off: 1 << 16, Size: 240, Entsize: 24, Link: 77}, names, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			file := made(t, 4*gib, 4, 1, elf.Section64{}, names, c.table, c.names)
			f, err := Open(file, file.size)
			if err != nil {
				t.Fatal(err)
			}
			if bytes := taken(func() { _, err = Functions(f, elf.SHT_SYMTAB, file.size) }); bytes > c.most {
				t.Errorf("took %d KiB of memory", bytes>>10)
			}
			if err == nil {
				t.Error("the table was taken")
			}
		})
	}
}

// TestNamesInOneLongStringAreBounded: each of 40,000 symbols is named by the rest
// of one string of 1 MiB, which copied is 40 GB.
func TestNamesInOneLongStringAreBounded(t *testing.T) {
	const count, length = 40_000, 1 << 20
	file := made(t, 64<<20, 4, 1, elf.Section64{}, elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 4096, Size: 16},
		elf.Section64{Type: uint32(elf.SHT_SYMTAB), Off: 1 << 16, Size: count * 24, Entsize: 24, Link: 3},
		elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 8 << 20, Size: length})
	var table bytes.Buffer
	for i := range count {
		s := elf.Sym64{Name: uint32(length - 1 - i%(mostName-1)), Info: byte(elf.STT_FUNC), Shndx: 1, Value: uint64(i + 1)}
		if i%2 == 0 {
			s.Name = uint32(i % 100) // further from its end than any name may be
		}
		if err := binary.Write(&table, binary.LittleEndian, s); err != nil {
			t.Fatal(err)
		}
	}
	file.parts[1<<16] = table.Bytes()
	file.parts[8<<20] = append(bytes.Repeat([]byte("a"), length-1), 0)
	f, err := Open(file, file.size)
	if err != nil {
		t.Fatal(err)
	}
	var functions []elf.Symbol
	if bytes := taken(func() { functions, err = Functions(f, elf.SHT_SYMTAB, file.size) }); bytes > 2*mostKept {
		t.Errorf("took %d MiB of memory", bytes>>20)
	}
	if len(functions) == 0 || len(functions) > count/2 {
		t.Errorf("%d functions, of which at most %d have a name within the bounds; %v", len(functions), count/2, err)
	}
}

// TestFunctionsAreThoseOfTheLibrary holds the reader against debug/elf.
func TestFunctionsAreThoseOfTheLibrary(t *testing.T) {
	paths, _ := filepath.Glob("../symbol/testdata/*")
	more, _ := filepath.Glob("../unwind/testdata/*.elf")
	seen := 0
	for _, path := range append(paths, append(more, os.Args[0], "/bin/sh", "/lib/x86_64-linux-gnu/libc.so.6")...) {
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(file, info.Size())
		if err != nil {
			continue
		}
		for kind, read := range map[elf.SectionType]func() ([]elf.Symbol, error){elf.SHT_SYMTAB: f.Symbols, elf.SHT_DYNSYM: f.DynamicSymbols} {
			all, err := read()
			if err != nil {
				continue
			}
			var want []elf.Symbol
			for _, s := range all {
				if kind := elf.ST_TYPE(s.Info); (kind == elf.STT_FUNC || kind == elf.STT_GNU_IFUNC) && s.Value != 0 && s.Section != elf.SHN_UNDEF {
					want = append(want, s)
				}
			}
			got, err := Functions(f, kind, info.Size())
			if err != nil || len(got) != len(want) {
				t.Errorf("%s: %d functions, want %d: %v", path, len(got), len(want), err)
				continue
			}
			for i := range got {
				a, b := got[i], want[i]
				if a.Name != b.Name || a.Value != b.Value || a.Size != b.Size || a.Info != b.Info || a.Section != b.Section {
					t.Errorf("%s: %+v, want %+v", path, a, b)
					break
				}
			}
			seen += len(got)
		}
	}
	if seen == 0 {
		t.Error("nothing was compared")
	}
}

func FuzzOpen(f *testing.F) {
	for _, path := range []string{"../symbol/testdata/tiny", "../unwind/testdata/seed.elf"} {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte(elf.ELFMAG))
	f.Fuzz(func(t *testing.T, data []byte) {
		var file *elf.File
		var err error
		if bytes := taken(func() { file, err = Open(bytes.NewReader(data), int64(len(data))) }); bytes > 1<<30 {
			t.Fatalf("took %d MiB of memory for a file of %d bytes", bytes>>20, len(data))
		}
		if err != nil {
			return
		}
		for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
			functions, _ := Functions(file, kind, int64(len(data)))
			for _, s := range functions {
				if len(s.Name) > len(data) {
					t.Fatalf("a name of %d bytes in a file of %d", len(s.Name), len(data))
				}
			}
		}
	})
}
