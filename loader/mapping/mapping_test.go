// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestParseTakesExecutableMappings(t *testing.T) {
	const text = `55e0a0000000-55e0a0001000 r--p 00000000 fe:01 1234                       /usr/bin/a server
55e0a0001000-55e0a0004000 r-xp 00001000 fe:01 1234                       /usr/bin/a server
7f0000000000-7f0000010000 rwxp 00000000 00:00 0
7f0000020000-7f0000030000 r-xp 00000000 fe:01 99                         /lib/old.so (deleted)
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
nonsense r-xp 0 0 0
7ffd00002000-7ffd00001000 r-xp 00000000 00:00 0
`
	got, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Mapping{
		{0x55e0a0001000, 0x55e0a0004000, 0x1000, "/usr/bin/a server", "fe:01", "1234"},
		{0x7f0000000000, 0x7f0000010000, 0, "", "00:00", "0"},
		{0x7f0000020000, 0x7f0000030000, 0, "/lib/old.so (deleted)", "fe:01", "99"},
		{0x7ffd00000000, 0x7ffd00002000, 0, "[vdso]", "00:00", "0"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var names []string
	for _, m := range got {
		names = append(names, m.Object())
	}
	if want := "a server [anonymous] old.so [vdso]"; strings.Join(names, " ") != want {
		t.Errorf("objects %q, want %q", names, want)
	}
}

func TestOwnMappingsOpenAsTheFilesTheyAre(t *testing.T) {
	mappings, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mappings {
		if !m.File() {
			continue
		}
		file, err := Open(os.Getpid(), m)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err == nil && os.SameFile(info, self) {
			return
		}
	}
	t.Error("this program's own file is not among its mappings")
}

func TestAReplacedFileIsRefused(t *testing.T) {
	path := t.TempDir() + "/other"
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := Mapping{Start: 1, End: 2, Path: path, Inode: "1"}
	if _, err := Open(os.Getpid(), m); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("a file with another inode opens: %v", err)
	}
}

// TestAHundredThousandMappingsAreRead: more than the kernel lets a process have.
func TestAHundredThousandMappingsAreRead(t *testing.T) {
	const lines = 100_000
	var text strings.Builder
	for i := range lines {
		fmt.Fprintf(&text, "%x-%x r-xp 00000000 fe:01 %d    /%s\n", i<<12, (i+1)<<12, i, strings.Repeat("x", 200))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	mappings, err := Parse(strings.NewReader(text.String()))
	runtime.ReadMemStats(&after)
	if err != nil || len(mappings) != lines {
		t.Errorf("%d mappings, want %d: %v", len(mappings), lines, err)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 20*uint64(text.Len()) {
		t.Errorf("took %d MiB of memory for a text of %d MiB", taken>>20, text.Len()>>20)
	}
	// A line that no kernel writes ends the reading, and not the memory.
	if _, err := Parse(strings.NewReader("0-1 r-xp 0 0 0 /" + strings.Repeat("x", 10<<20))); err == nil {
		t.Error("a line of 10 MiB was taken")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("55e0a0001000-55e0a0004000 r-xp 00001000 fe:01 1234    /usr/bin/a\n")
	f.Add("0-ffffffffffffffff --xp\n")
	f.Fuzz(func(t *testing.T, text string) {
		mappings, _ := Parse(strings.NewReader(text))
		for _, m := range mappings {
			if m.End < m.Start {
				t.Errorf("%+v ends before it starts", m)
			}
			if m.Object() == "" {
				t.Errorf("%+v has no name", m)
			}
		}
	})
}
