// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bufio"
	"bytes"
	"flag"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

var besidePerf = flag.Duration("perf", 0, "how long perf samples each peer, for the table of docs/numbers.md; 0: not at all")

// The share of stacks that perf completes on the same running peers: for the record,
// nothing is held. Run it with -perf 2s -v.
func TestStacksBesidePerf(t *testing.T) {
	if *besidePerf <= 0 {
		return // it holds nothing, and takes minutes
	}
	kerneltest.Privileged(t)
	usual := []string{"-O2", "-fomit-frame-pointer", "-DLIBRARIES", "-ljansson", "-lnats", "-ldl"}
	library := compilePeer(t, "gcc", "library.c", "-O2", "-shared", "-fPIC", "-fno-builtin", "-Wl,-z,lazy")
	for _, row := range []struct {
		name, compiler, kind string
		flags                []string
	}{
		{"gcc -O2 -fomit-frame-pointer", "gcc", "frames", usual},
		{"clang -O2", "clang", "frames", []string{"-O2"}},
		{"-O0", "gcc", "frames", []string{"-O0"}},
		{"stripped", "gcc", "frames", []string{"-O2", "-s"}},
		{"static", "gcc", "frames", []string{"-O2", "-static"}},
		{"static PIE", "gcc", "frames", []string{"-O2", "-static-pie"}},
		{"send from a frame of 4 MiB", "gcc", "large", usual},
		{"memcpy", "gcc", "copy", usual},
		{"libjansson", "gcc", "jansson", usual},
		{"libnats", "gcc", "nats", usual},
		{"a signal's handler", "gcc", "signals", usual},
		{"a handler on its own stack", "gcc", "sigaltstack", usual},
		{"vDSO", "gcc", "clock", usual},
		{"PLT stubs, calls back", "gcc", "stubs", usual},
		{"lazy binding, dlopen without end", "gcc", "lazy", usual},
		{"dlopen in mid-run", "gcc", "load", usual},
	} {
		t.Run(row.name, func(t *testing.T) {
			program := compilePeer(t, row.compiler, "peer.c", append([]string{"-pthread", "-w"}, row.flags...)...)
			enough := uint64(besidePerf.Seconds() * 400)
			if row.kind == "load" {
				enough = 3000 // until what it loads is there
			}
			pid := startPeer(t, program, row.kind, library)
			w := sample(t, pid, enough)
			pointers, copied := perfCompletes(t, pid, "fp"), perfCompletes(t, pid, "dwarf")
			t.Logf("| %s | %.2f %% of %d | %s | %s |", row.name, w.completePct(), w.samples, of(pointers), of(copied))
		})
	}
}

func of(n [2]int) string {
	if n[1] == 0 {
		return "none taken"
	}
	return strconv.FormatFloat(100*float64(n[0])/float64(n[1]), 'f', 1, 64) + " % of " + strconv.Itoa(n[1])
}

// perfCompletes has perf record a process, and counts the stacks that end where a
// program or a thread begins.
func perfCompletes(t *testing.T, pid int, graph string) (n [2]int) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "perf.data")
	record := exec.Command("perf", "record", "-q", "-e", "cpu-clock", "-F", "199", "--call-graph", graph,
		"-p", strconv.Itoa(pid), "-o", data, "--", "sleep", strconv.FormatFloat(besidePerf.Seconds(), 'f', 1, 64))
	if out, err := record.CombinedOutput(); err != nil {
		t.Errorf("perf record: %v\n%s", err, out)
		return n
	}
	script := exec.Command("perf", "script", "-i", data, "-F", "ip,sym,dso", "--no-inline")
	out, err := script.Output()
	if err != nil {
		t.Errorf("perf script: %v", err)
		return n
	}
	var frames []string
	end := func() {
		if len(frames) == 0 {
			return
		}
		n[1]++
		if begun(frames) {
			n[0]++
		}
		frames = nil
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0:
			end()
		case len(fields) > 1:
			frames = append(frames, fields[1])
		}
	}
	end()
	return n
}

// begun says that the outermost frame is one that nobody called. A stripped
// program's has no name, but what it calls does.
func begun(frames []string) bool {
	n := len(frames)
	name := func(i int) string { return strings.TrimLeft(strings.SplitN(frames[i], "+", 2)[0], "_") }
	switch name(n - 1) {
	case "start", "clone", "clone3", "start_context":
		return true
	case "[unknown]":
		return n > 1 && strings.HasPrefix(name(n-2), "libc_start_main")
	}
	return false
}
