// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

const source = `
#include <string.h>
#include <unistd.h>
volatile int sink;
static inline __attribute__((always_inline)) int innermost(int x) { for (int i = 0; i < x; i++) sink += i; return sink; }
static inline __attribute__((always_inline)) int middle(int x) { return innermost(x) + sink; }
__attribute__((noinline)) static int hidden(int x) { return middle(x) * 3; }
__attribute__((noinline)) int shown(int x) { return hidden(x) + 1; }
int main(int argc, char **argv) { (void)argv; if (argc > 1) { write(1, "ready\n", 6); pause(); } return shown(argc); }
`

// run runs a build tool, or skips the test where it is not there.
func run(t *testing.T, dir, tool string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		kerneltest.Skip(t, err.Error())
	}
	c := exec.Command(tool, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, out)
	}
}

// compiled builds the source with debug information and a build id.
func compiled(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.c"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "gcc", append([]string{"-O2", "-g", "-fomit-frame-pointer", "-o", "x", "x.c"}, flags...)...)
	return filepath.Join(dir, "x")
}

func opened(t *testing.T, path string) *object {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	o, err := openObject(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.close() })
	return o
}

// addresses are where functions begin, by the unstripped file's own table.
func addresses(t *testing.T, path string, names ...string) map[string]uint64 {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]uint64{}
	for _, s := range symbols {
		at[s.Name] = s.Value
	}
	for _, name := range names {
		if at[name] == 0 {
			t.Fatalf("%s has no %s", path, name)
		}
	}
	return at
}

// named is what an object calls an address.
func named(o *object, address uint64) (name string, exact bool) {
	e, exact, _ := o.load().find(address)
	return e.name, exact
}

func TestFunctionsAreNamedFromWhateverIsLeft(t *testing.T) {
	whole := compiled(t)
	at := addresses(t, whole, "hidden", "shown", "main")
	dir := filepath.Dir(whole)
	strip := func(name string, args ...string) *object {
		run(t, dir, "objcopy", append(args, "x", name)...)
		return opened(t, filepath.Join(dir, name))
	}
	for name, o := range map[string]*object{
		"unstripped": opened(t, whole),
		"mini debug information": func() *object {
			run(t, dir, "objcopy", "-S", "x", "mini")
			run(t, dir, "objcopy", "--only-keep-debug", "x", "mini.debug")
			run(t, dir, "objcopy", "-S", "--keep-symbol=hidden", "--keep-symbol=shown", "mini.debug", "mini.symbols")
			run(t, dir, "xz", "-kf", "mini.symbols")
			run(t, dir, "objcopy", "--add-section", ".gnu_debugdata=mini.symbols.xz", "mini")
			return opened(t, filepath.Join(dir, "mini"))
		}(),
		"debug link": func() *object {
			run(t, dir, "objcopy", "--only-keep-debug", "x", "x.debug")
			o := strip("linked", "-S", "--add-gnu-debuglink=x.debug", "--remove-section=.note.gnu.build-id")
			o.debug = o.findDebug(os.Getpid())
			return o
		}(),
	} {
		if got, exact := named(o, at["hidden"]+2); got != "hidden" || !exact {
			t.Errorf("%s: %q, want hidden (%v)", name, got, o.problem)
		}
	}
	stripped := strip("stripped", "-S", "--remove-section=.note.gnu.build-id")
	if stripped.buildID != "" {
		t.Errorf("build id %q of a file without", stripped.buildID)
	}
	e, exact, ok := stripped.load().find(at["hidden"] + 2)
	if !ok || exact || e.start != at["hidden"] {
		t.Errorf("stripped: %+v %v %v, want the function at %#x", e, exact, ok, at["hidden"])
	}
	if _, _, ok := stripped.load().find(1); ok {
		t.Error("an address that is no code has a function")
	}
}

// Somebody else's debug file beside ours names nothing.
func TestADebugFileOfAnotherBuildIsRefused(t *testing.T) {
	whole, other := compiled(t), compiled(t, "-DOTHER=1", "-O1")
	dir := filepath.Dir(whole)
	run(t, dir, "objcopy", "--only-keep-debug", other, "x.debug")
	run(t, dir, "objcopy", "-S", "--add-gnu-debuglink=x.debug", "x", "linked")
	o := opened(t, filepath.Join(dir, "linked"))
	if d := o.findDebug(os.Getpid()); d != nil {
		t.Errorf("%s was taken for the debug information of %s", d.path, o.path)
	}
	run(t, dir, "objcopy", "-S", "--remove-section=.note.gnu.build-id", "--add-gnu-debuglink=x.debug", "x", "linked2")
	if err := os.WriteFile(filepath.Join(dir, "x.debug"), elfWithSymbols(t, whole), 0o644); err != nil {
		t.Fatal(err)
	}
	if d := opened(t, filepath.Join(dir, "linked2")).findDebug(os.Getpid()); d != nil {
		t.Error("a file with another checksum was taken")
	}
}

func elfWithSymbols(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestInlinedFunctionsAndLines(t *testing.T) {
	for name, flags := range map[string][]string{
		"DWARF 5": {"-gdwarf-5"}, "DWARF 4": {"-gdwarf-4"}, "compressed": {"-gz"},
	} {
		t.Run(name, func(t *testing.T) {
			path := compiled(t, flags...)
			at := addresses(t, path, "hidden")
			o := opened(t, path)
			l, err := o.openLines(newAllowance())
			if err != nil || l == nil {
				t.Fatalf("%v, %v", l, err)
			}
			deepest := 0
			for a := at["hidden"]; a < at["hidden"]+64; a++ {
				frames := l.at(a)
				if len(frames) == 0 || frames[len(frames)-1].Function != "hidden" {
					break
				}
				if frames[len(frames)-1].Inlined {
					t.Fatalf("%#x: the function itself is marked as inlined", a)
				}
				if len(frames) < 3 {
					continue
				}
				deepest = len(frames)
				if frames[0].Function != "innermost" || frames[1].Function != "middle" || !frames[0].Inlined ||
					frames[0].Line != 5 || frames[1].Line != 6 || frames[2].Line != 7 || !strings.HasSuffix(frames[2].File, "x.c") {
					t.Fatalf("%#x: %+v", a, frames)
				}
			}
			if deepest != 3 {
				t.Errorf("%d frames deep, want 3", deepest)
			}
			if len(l.at(1)) != 0 {
				t.Error("an address that is no code has a line")
			}
		})
	}
}

// addr2line is the oracle, where it is installed.
func TestInlinedFunctionsAgreeWithAddr2line(t *testing.T) {
	path := compiled(t)
	o := opened(t, path)
	l, err := o.openLines(newAllowance())
	if err != nil {
		t.Fatal(err)
	}
	at := addresses(t, path, "hidden", "shown", "main")
	for _, start := range []uint64{at["hidden"], at["shown"], at["main"]} {
		for a := start; a < start+24; a++ {
			if e, _, _ := o.load().find(a); e.start != start {
				break // behind its end
			}
			out, err := exec.Command("addr2line", "-f", "-i", "-e", path, "0x"+strings.TrimLeft(hexOf(a), "0")).Output()
			if err != nil {
				kerneltest.Skip(t, "addr2line: "+err.Error())
			}
			var want []string
			for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
				if i%2 == 0 && line != "??" {
					want = append(want, line)
				}
			}
			var got []string
			for _, f := range l.at(a) {
				got = append(got, f.Function)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%#x: %v, addr2line says %v", a, got, want)
			}
		}
	}
}

func hexOf(a uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[15-i] = digits[a>>(4*i)&15]
	}
	return string(b[:])
}

func TestBrokenFilesAreRefusedInWords(t *testing.T) {
	path := compiled(t)
	data := elfWithSymbols(t, path)
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.Sections {
		broken := bytes.Clone(data)
		// The section says that it is larger than any file.
		at := int(f.ByteOrder.Uint64(data[40:])) + i*64
		for j := 32; j < 40; j++ {
			broken[at+j] = 0x7f
		}
		exercise(broken)
	}
	for cut := 0; cut < len(data); cut += 1 + len(data)/97 {
		exercise(data[:cut])
	}
}

// exercise asks an object for all that can be asked.
func exercise(data []byte) {
	o, err := newObject("x", bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return
	}
	o.slots()
	o.debugLink()
	o.load().find(0x1139)
	if l, err := o.openLines(newAllowance()); err == nil {
		l.at(0x1139)
	}
	o.copies(0x1139)
}

func FuzzObject(f *testing.F) {
	self, err := os.ReadFile("testdata/tiny")
	if err == nil {
		f.Add(self)
	}
	f.Add([]byte(elf.ELFMAG))
	f.Fuzz(func(t *testing.T, data []byte) { exercise(data) })
}

func FuzzUnpack(f *testing.F) {
	for _, name := range []string{"testdata/one.xz", "testdata/blocks.xz"} {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if out, err := unpack(data, 1<<20); err == nil && len(out) > 1<<20 {
			t.Fatalf("%d bytes", len(out))
		}
	})
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	plain := bytes.Repeat([]byte("names of functions, over and over; "), 20_000)
	if err := os.WriteFile(filepath.Join(dir, "plain"), plain, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{
		"usual": {"-k"}, "no check": {"-k", "--check=none"}, "sha256": {"-k", "--check=sha256"}, "blocks": {"-k", "--block-size=65536"},
		"threads": {"-k", "-T2", "--block-size=100000"},
	} {
		run(t, dir, "xz", append(flags, "-f", "plain")...)
		packed, err := os.ReadFile(filepath.Join(dir, "plain.xz"))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := unpack(packed, len(plain)); err != nil || !bytes.Equal(out, plain) {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
		if _, err := unpack(packed, len(plain)-1); err == nil {
			t.Errorf("%s: more than the bound was unpacked", name)
		}
		for cut := range 64 {
			_, _ = unpack(packed[:min(len(packed), cut)], 1<<20) // must come back
		}
	}
	run(t, dir, "xz", "-kf", "--lzma2=dict=512MiB", "plain")
	packed, err := os.ReadFile(filepath.Join(dir, "plain.xz"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(packed, 1<<20); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("a stream that asks for 512 MiB: %v", err)
	}
}
