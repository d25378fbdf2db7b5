// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// entries reads an archive back, by the kernel's description of the format.
func entries(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for {
		if len(archive) < 110 || string(archive[:6]) != "070701" {
			t.Fatalf("no header after %d entries", len(found))
		}
		field := func(n int) int {
			v, err := strconv.ParseUint(string(archive[6+8*n:14+8*n]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
		size, named := field(6), field(11)
		name := string(archive[110 : 110+named-1])
		begin := (110 + named + 3) / 4 * 4
		if name == "TRAILER!!!" {
			return found
		}
		found[name] = string(archive[begin : begin+size])
		archive = archive[(begin+size+3)/4*4:]
	}
}

func TestAnInitramfsHoldsWhatItWasGiven(t *testing.T) {
	folder := t.TempDir()
	host := filepath.Join(folder, "host")
	for _, size := range []int{0, 1, 2, 3, 4, 1023} {
		content := strings.Repeat("x", size)
		if err := os.WriteFile(host, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(folder, "out")
		if err := pack(out, []file{{"a/b/c", host}, {"a/d", host}}, job{Program: "/bin/p", Args: []string{"two words"}}); err != nil {
			t.Fatal(err)
		}
		archive, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		found := entries(t, archive)
		for _, name := range []string{"a/b/c", "a/d"} {
			if got, ok := found[name]; !ok || got != content {
				t.Errorf("%d bytes: %s holds %q", size, name, got)
			}
		}
		for _, name := range []string{"a", "a/b", "proc", "dev/console"} {
			if _, ok := found[name]; !ok {
				t.Errorf("%s is missing", name)
			}
		}
		var j job
		if err := json.Unmarshal([]byte(found["job.json"]), &j); err != nil || j.Program != "/bin/p" || !slices.Equal(j.Args, []string{"two words"}) {
			t.Errorf("job %+v, %v", j, err)
		}
	}
}

func TestTheExitCodeIsTheLastThatWasSaid(t *testing.T) {
	for _, row := range []struct {
		console string
		code    int
		ok      bool
	}{
		{"[    1.0] boot\r\n\r\nguest: exit code 3\r\n[ 2.0] reboot\r\n", 3, true},
		{"guest: exit code 1\nguest: exit code 0\n", 0, true},
		{"[    1.0] Kernel panic\r\n", 0, false},
		{"x guest: exit code 3\n", 0, false},
		{"", 0, false},
	} {
		if code, ok := ending([]byte(row.console)); code != row.code || ok != row.ok {
			t.Errorf("%q: %d, %t", row.console, code, ok)
		}
	}
}

func TestFlagsThatNameFilesOfTheHostStayHere(t *testing.T) {
	got := hostless([]string{"-test.v", "-test.testlogfile=/tmp/x", "-test.coverprofile=c", "-test.run=Slice|Lean", ""})
	if want := []string{"-test.v", "-test.run=Slice|Lean", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTheTableSaysWhatEachKernelGives(t *testing.T) {
	folder := t.TempDir()
	line := func(name, rung string, r *results.Result) string {
		path := filepath.Join(folder, name)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return name + " 1.2.3-x " + rung + " " + path + "\n"
	}
	d := &results.Distribution{Count: 10}
	good := func() *results.Result {
		return &results.Result{
			Valid: true,
			Run:   results.Run{Rung: "syscall"},
			Join:  &results.Join{Requests: 10, Matched: 10, MatchedPct: 100, Identity: 10},
			Legs:  &results.Legs{UntilTaken: d, ServiceTime: d, ReplyDelivery: d},
			Loss:  &results.Loss{Seen: 5, Filtered: 5, Reconciled: true},
		}
	}
	var out bytes.Buffer
	if err := table(strings.NewReader(line("5.10", "syscall", good())), &out); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"5.10", "1.2.3-x", "syscall", "100.00 %", "until taken, service time, reply delivery"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for want, spoil := range map[string]func(*results.Result){
		"fentry":   func(r *results.Result) { r.Run.Rung = "fentry" },
		"matched":  func(r *results.Result) { r.Join.MatchedPct = 98 },
		"joined":   func(r *results.Result) { r.Join = nil },
		"accounts": func(r *results.Result) { r.Loss.Lost = 1 },
	} {
		r := good()
		spoil(r)
		if err := table(strings.NewReader(line("6.1", "syscall", r)), &out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for mode, works := range map[string]bool{"none": false, "integrity": true, "": false} {
		r := good()
		r.Environment.Lockdown = mode
		if err := table(strings.NewReader(line("6.12,lockdown=integrity", "syscall", r)), &out); (err == nil) != works {
			t.Errorf("a kernel that should be locked down, and is %q: %v", mode, err)
		}
	}
	if err := table(strings.NewReader("6.1 x fentry "+folder+"/none\n"), &out); err == nil {
		t.Error("a run without a result passes")
	}
}
