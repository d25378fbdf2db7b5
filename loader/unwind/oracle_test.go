// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// libraries are what a gateway maps, by the names that the linker finds.
var libraries = []string{
	"libc.so.6", "libcrypto.so.3", "libssl.so.3", "libnats.so.3", "libjansson.so.4",
	"libstdc++.so.6", "libm.so.6", "ld-linux-x86-64.so.2",
}

// library gives a library's path on this machine.
func library(t testing.TB, name string) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/x86_64-linux-gnu/", "/lib64/", "/usr/lib64/", "/lib/x86_64-linux-gnu/", "/usr/lib/", "/usr/local/lib/"} {
		if found, _ := filepath.Glob(pattern + name + "*"); len(found) > 0 {
			return found[0]
		}
	}
	kerneltest.Skip(t, "this machine has no "+name)
	return ""
}

// builds are ways in which production programs are built.
var builds = []struct {
	name, compiler string
	flags          []string
}{
	{"gcc-O0", "gcc", []string{"-O0"}},
	{"gcc-O2", "gcc", []string{"-O2", "-fomit-frame-pointer"}},
	{"gcc-Os", "gcc", []string{"-Os"}},
	{"gcc-O3-native", "gcc", []string{"-O3", "-mavx2"}},
	{"gcc-no-pie", "gcc", []string{"-O2", "-no-pie"}},
	{"gcc-pie", "gcc", []string{"-O2", "-pie", "-fPIE"}},
	{"gcc-cf", "gcc", []string{"-O2", "-fcf-protection=full", "-Wl,-z,ibtplt"}},
	{"gcc-lazy", "gcc", []string{"-O2", "-Wl,-z,lazy"}},
	{"static", "gcc", []string{"-O2", "-static"}},
	{"static-pie", "gcc", []string{"-O2", "-static-pie"}},
	{"stripped", "gcc", []string{"-O2", "-s"}},
	{"clang-O0", "clang", []string{"-O0"}},
	{"clang-O2", "clang", []string{"-O2"}},
	{"clang-Os", "clang", []string{"-Os"}},
}

// build compiles a source of testdata and gives the program's path.
func build(t testing.TB, compiler, source string, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	args := append([]string{"-o", out, filepath.Join("testdata", source)}, flags...)
	if text, err := exec.Command(kerneltest.Tool(t, compiler), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", compiler, args, err, text)
	}
	return out
}

// hold compares one file, and says what was compared.
func hold(t *testing.T, path string) {
	t.Helper()
	var rules Rules
	table := compileFile(t, path, &rules)
	rows, expressions, unsupported := compareRows(t, path, table, &rules)
	t.Logf("%d rows equal readelf's, %d of them with an expression for the CFA, %d of these not to be walked; %d rows and %d rules kept, %.1f %% of the code covered",
		rows, expressions, unsupported, len(table.Rows), len(rules.All()), 100*float64(table.Covered)/float64(table.Code))
	if unsupported > 0 {
		t.Errorf("%d rows have a CFA that the walker can't compute", unsupported)
	}
}

func TestRowsOfLibrariesEqualReadelf(t *testing.T) {
	kerneltest.Tool(t, "readelf")
	for _, name := range libraries {
		t.Run(name, func(t *testing.T) { hold(t, library(t, name)) })
	}
}

func TestRowsOfBuildsEqualReadelf(t *testing.T) {
	kerneltest.Tool(t, "readelf")
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) { hold(t, build(t, b.compiler, "corpus.c", b.flags...)) })
	}
}

func TestRowsOfTheReferenceGatewayEqualReadelf(t *testing.T) {
	kerneltest.Tool(t, "readelf")
	hold(t, peer.Reference(t, "v1"))
}

// A stripped file without section headers gives the same table; a static one has
// no index either.
func TestSectionsAreNotNeeded(t *testing.T) {
	for _, flags := range [][]string{{"-O2", "-s"}, {"-O2", "-s", "-static"}, {"-O2", "-s", "-static-pie"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			path := build(t, "gcc", "corpus.c", flags...)
			var rules Rules
			want := compileFile(t, path, &rules)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			clear(data[40:48]) // e_shoff
			clear(data[58:64]) // e_shentsize, e_shnum, e_shstrndx
			bare := filepath.Join(t.TempDir(), "bare")
			if err := os.WriteFile(bare, data, 0o600); err != nil {
				t.Fatal(err)
			}
			got := compileFile(t, bare, &rules)
			if len(want.Rows) == 0 || !slices.Equal(got.Rows, want.Rows) || got.Covered != want.Covered {
				t.Errorf("%d rows without sections, %d with them", len(got.Rows), len(want.Rows))
			}
		})
	}
}

func TestFunctionsAreThoseOfTheSymbols(t *testing.T) {
	path := build(t, "gcc", "corpus.c", "-O1", "-fno-inline")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	functions, err := ReadFunctions(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, s := range symbolsOf(t, path) {
		checked++
		want := Range{s.Value, s.Value + s.Size}
		for _, pc := range []uint64{want.Start, want.End - 1} {
			if got, ok := functions.FunctionRange(pc); !ok || got != want {
				t.Errorf("%s: 0x%x lies in %x, want %x (found %t)", s.Name, pc, got, want, ok)
			}
		}
	}
	if checked < 5 {
		t.Errorf("only %d functions have symbols", checked)
	}
	if _, ok := functions.FunctionRange(0); ok {
		t.Error("address 0 lies in a function")
	}
}
