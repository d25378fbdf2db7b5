// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// Stacks that can't be walked are cut where they can't, say why, and count.
func TestWhatHasNoTableIsNamedAndCounted(t *testing.T) {
	kerneltest.Privileged(t)
	for _, row := range []struct {
		name, compiler string
		flags          []string
		change         func(*testing.T, string)
		kind           string
		why            string
		covered        func(pct float64) bool
	}{
		{"no unwind tables", "gcc", []string{"-O2", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"}, nil, "frames",
			"code that the table leaves out", func(pct float64) bool { return pct > 90 }}, // the C library has one, and is large
		{"musl", "musl-gcc", []string{"-O2", "-static", "-fno-asynchronous-unwind-tables"}, nil, "frames",
			"object without unwind table|code that the table leaves out", func(pct float64) bool { return pct < 50 }},
		{"code made at run time", "gcc", []string{"-O2"}, nil, "made",
			"code that lies in no file", func(pct float64) bool { return pct > 90 }},
		{"a broken object", "gcc", []string{"-O2", "-static", "-no-pie"}, breakTables, "frames",
			"object without unwind table|code that the table leaves out", func(pct float64) bool { return pct < 50 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			program := compilePeer(t, row.compiler, "peer.c", append(row.flags, "-pthread", "-w")...)
			if row.change != nil {
				row.change(t, program)
			}
			w := sample(t, startPeer(t, program, row.kind), 200)
			t.Logf("%d samples, %.1f %% whole, %.1f %% of the code covered, lacking %q; cut: %v",
				w.samples, w.completePct(), w.coverage.Pct(), w.coverage.Lacking, w.cut)
			var cut, named int64
			for at, n := range w.cut {
				cut += n
				for _, why := range strings.Split(row.why, "|") {
					if strings.HasPrefix(at, "[unwind: "+why+"]") {
						named += n
					}
				}
			}
			if w.samples != w.complete+cut {
				t.Errorf("%d samples are %d whole and %d cut", w.samples, w.complete, cut)
			}
			if named*100 < w.samples*95 {
				t.Errorf("%d of %d stacks are cut because of %s", named, w.samples, row.why)
			}
			if !row.covered(w.coverage.Pct()) {
				t.Errorf("%.1f %% of the code are covered", w.coverage.Pct())
			}
		})
	}
}

// breakTables makes garbage of .eh_frame, in place.
func breakTables(t *testing.T, program string) {
	t.Helper()
	garbage := program + ".garbage"
	if err := os.WriteFile(garbage, []byte(strings.Repeat("\xff\xff\xff\x7f\x01\x02\x03", 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(kerneltest.Tool(t, "objcopy"), "--update-section", ".eh_frame="+garbage, program).CombinedOutput()
	if err != nil {
		t.Fatalf("objcopy: %v\n%s", err, out)
	}
}

// A program of which nothing is left but its code: no symbols, no build id, and
// its file is gone.
func TestAStrippedAndDeletedProgramHasWholeStacksAndFunctions(t *testing.T) {
	kerneltest.Privileged(t)
	program := compilePeer(t, "gcc", "peer.c", "-O2", "-s", "-Wl,--build-id=none", "-pthread", "-w")
	pid := startPeer(t, program, "frames")
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	w := sample(t, pid, 300)
	functions := 0
	for name, n := range w.within {
		if strings.HasPrefix(name, "peer!fn_0x") && n*20 > w.samples {
			functions++
		}
	}
	t.Logf("%d samples, %.2f %% whole, functions %v", w.samples, w.completePct(), w.within)
	if w.completePct() < 99 {
		t.Errorf("%.2f %% of the stacks are whole: %v", w.completePct(), w.cut)
	}
	// peer_leaf, peer_deep, peer_frames and peer_loop, and main.
	if functions < 4 {
		t.Errorf("%d functions have names from their ranges: %v", functions, w.within)
	}
}
