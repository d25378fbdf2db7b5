// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/bpf"
)

const snapshots = "unwind/testdata/snapshots"

// replayer builds the walk as an ordinary program.
func replayer(t testing.TB) string {
	return compilePeer(t, "gcc", "replay.c", "-O2", "-Wall", "-Wextra", "-Werror", "-I../bpf/src")
}

// replay walks a snapshot; memory, if given, is where words that it lacks are.
func replay(t testing.TB, program, snapshot string, memory ...string) []string {
	t.Helper()
	command := exec.Command(program, memory...)
	command.Stdin = strings.NewReader(snapshot)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("replay: %v: %s", err, stderr.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// keep gives the lines that begin with one of the words.
func keep(lines []string, words ...string) (some []string) {
	for _, line := range lines {
		for _, word := range words {
			if strings.HasPrefix(line, word+" ") {
				some = append(some, line)
			}
		}
	}
	return some
}

// The walk in C gives the frames that the snapshots have stored.
func TestStoredSnapshotsAreWalkedAsBefore(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(snapshots, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snapshots: %v", err)
	}
	program := replayer(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := keep(strings.Split(string(content), "\n"), "frame", "end")
			got := keep(replay(t, program, string(content)), "frame", "end")
			if len(want) < 3 || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

// A walk that finds something wrong ends there, and says what.
func TestAWalkEndsWhereItCant(t *testing.T) {
	const base = `rule 0 0 0 0 0 0 0 0 0 0 0 0 0
rule 8 0 -8 0 0 7 0 0 1 3 1 1 0
rule 16 0 -8 -16 0 6 0 0 1 3 3 1 0
rule 8 0 -8 0 0 12 0 0 1 3 1 1 0
rule 0 0 0 0 0 7 0 0 1 2 1 1 0
rule 8 0 -8 0 0 7 0 0 1 3 2 1 0
rule -64 0 0 0 0 7 0 0 1 3 1 1 0
row 0 1 0
row 10 2 0
row 20 3 0
row 30 4 0
row 40 0 0
row 50 5 0
row 60 6 0
row 70 0 1
mapping 1000 2000 1000 0 8 0
mapping 2000 3000 2000 0 0 8
mapping 4000 5000 4000 0 0 7
register 7 8000
register 6 8100
register 12 8200
`
	program := replayer(t)
	for _, row := range []struct {
		name, state string
		end         bpf.ProbeUnwindEnd
		frames      int
	}{
		{"a thread's start", "pc 1030 1\n", bpf.ProbeUnwindEndUNWIND_OUTERMOST, 1},
		{"its caller's is one", "pc 1000 1\nword 8000 1035\n", bpf.ProbeUnwindEndUNWIND_OUTERMOST, 2},
		{"a call that ends a function belongs to it", "pc 1000 1\nword 8000 1040\n", bpf.ProbeUnwindEndUNWIND_OUTERMOST, 2},
		{"what stopped on a function's first byte does not", "pc 1040 1\n", bpf.ProbeUnwindEndUNWIND_RULE, 1},
		{"a system call that ends a function", "pc 1040 0\n", bpf.ProbeUnwindEndUNWIND_OUTERMOST, 1},
		{"a return address of 0", "pc 1000 1\nword 8000 0\n", bpf.ProbeUnwindEndUNWIND_ZERO, 1},
		{"through the frame pointer", "pc 1010 1\nword 8108 1035\n", bpf.ProbeUnwindEndUNWIND_OUTERMOST, 2},
		{"a leaf's register", "pc 1020 1\nword 8200 1035\n", bpf.ProbeUnwindEndUNWIND_OUTERMOST, 2},
		{"a caller's is lost", "pc 1000 1\nword 8000 1025\n", bpf.ProbeUnwindEndUNWIND_REGISTER, 2},
		{"a frame pointer that is lost", "pc 1050 1\nword 8000 1015\n", bpf.ProbeUnwindEndUNWIND_REGISTER, 2},
		{"a frame below its callee's", "pc 1060 1\nword 7fc0 1035\n", bpf.ProbeUnwindEndUNWIND_NOT_ABOVE, 1},
		{"a rule of no known form", "pc 1048 1\n", bpf.ProbeUnwindEndUNWIND_RULE, 1},
		{"a page that is not there", "pc 1000 1\n", bpf.ProbeUnwindEndUNWIND_NOT_RESIDENT, 1},
		{"a gap", "pc 1070 1\n", bpf.ProbeUnwindEndUNWIND_NO_ROW, 1},
		{"no code", "pc 3000 1\n", bpf.ProbeUnwindEndUNWIND_UNMAPPED, 1},
		{"behind all code", "pc 9000 1\n", bpf.ProbeUnwindEndUNWIND_UNMAPPED, 1},
		{"an object without a table", "pc 2000 1\n", bpf.ProbeUnwindEndUNWIND_NO_TABLE, 1},
		{"code that lies in no file", "pc 4fff 1\n", bpf.ProbeUnwindEndUNWIND_ANONYMOUS, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := replay(t, program, base+row.state)
			if frames := len(keep(out, "frame")); frames != row.frames || out[len(out)-1] != fmt.Sprintf("end %d", row.end) {
				t.Errorf("%q, want %d frames and end %d", out, row.frames, row.end)
			}
		})
	}
}
