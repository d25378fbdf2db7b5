// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/compare"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// short makes a comparison of two servers short.
var short = []string{"--slice", "100ms", "--warmup", "50ms", "--quads", "6", "--null-quads", "1", "--quiet", "--format", "json"}

func TestBothBuildsAreMeasuredInTurn(t *testing.T) {
	kerneltest.Privileged(t)
	out := filepath.Join(openFolder(t), "c")
	v1, v2 := peer.Reference(t, "v1"), peer.Reference(t, "v2")
	got := ipcprobe(t, append([]string{"compare"}, append(short, "--a", v1+" --no-nats --socket {socket}", "--b", v2+" --no-nats --socket {socket}",
		"--rate", "max", "--pipeline", "8", "--probed", "2", "--seed", "5", "--out", out)...)...)
	var c results.Comparison
	if err := json.Unmarshal([]byte(got.stdout), &c); err != nil {
		t.Fatalf("exit code %d, %v:\n%s", got.code, err, got.stderr)
	}
	if !c.Valid || c.Evidence != results.EvidenceQuads || c.Design.Probed != 2 || len(c.Design.Order) != 7 ||
		!slices.Equal(c.Design.Order, compare.Layout(6, 1, 5)) {
		t.Fatalf("valid %t %v, evidence %s, design %+v", c.Valid, c.InvalidReasons, c.Evidence, c.Design)
	}
	find := func(name string) *results.MetricChange {
		i := slices.IndexFunc(c.Metrics, func(m results.MetricChange) bool { return m.Name == name })
		if i < 0 {
			t.Fatalf("%s is not there", name)
		}
		return &c.Metrics[i]
	}
	for _, name := range []string{compare.Throughput, compare.P50, compare.CPUPerRequest, compare.Switches, compare.Faults} {
		if m := find(name); len(m.Effects) != 6 || len(m.NullEffects) != 1 || m.Source != "bare" {
			t.Errorf("%s: effects %v, null %v, from %s slices", name, m.Effects, m.NullEffects, m.Source)
		}
	}
	// With eight requests in flight the second build answers several with one call.
	sends, batched := find("calls.sendto"), find("calls.sendmsg")
	if *sends.A < 0.9 || *sends.B != 0 || *batched.A != 0 || *batched.B > 0.9 || len(batched.Effects) != 2 {
		t.Errorf("sends a request: %v and %v, with many parts %v and %v", *sends.A, *sends.B, *batched.A, *batched.B)
	}
	if more := find(compare.CPUPerRequest); *more.B >= *more.A {
		t.Errorf("CPU a request went from %v to %v", *more.A, *more.B)
	}
	for _, name := range []string{sideA, sideB} {
		file, err := os.Open(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := profile.Parse(file); err != nil || len(p.Sample) == 0 {
			t.Errorf("%s: %v", name, err)
		}
		file.Close()
	}
	if text, err := os.ReadFile(out + ".md"); err != nil || !strings.HasPrefix(string(text), comparisonHead) {
		t.Errorf("%v: %.80s", err, text)
	}
	nothingLeft(t)
}

// A build that stands still in the middle makes the comparison invalid: what it took
// is the pause's. B's second start is stopped again and again.
func TestABuildThatIsStoppedIsNotCompared(t *testing.T) {
	folder := openFolder(t)
	server := peer.Build(t, "stampserver")
	stopped := "/bin/sh -c 'echo >>" + folder + "/starts; [ $(wc -l <" + folder + "/starts) != 2 ] || " +
		"for i in 1 2 3 4 5 6 7 8; do sleep 0.3; kill -STOP $$; sleep 0.3; kill -CONT $$; done 2>/dev/null & exec " + server + " --socket {socket}'"
	got := ipcprobe(t, append([]string{"compare"}, append(short, "--slice", "400ms", "--a", server+" --socket {socket}", "--b", stopped,
		"--null-quads", "0", "--rate", "500", "--probed", "0", "--out", filepath.Join(folder, "c"))...)...)
	var c results.Comparison
	if err := json.Unmarshal([]byte(got.stdout), &c); err != nil {
		t.Fatalf("exit code %d, %v:\n%s", got.code, err, got.stderr)
	}
	if got.code != exitInvalid || len(c.InvalidReasons) == 0 || !strings.Contains(strings.Join(c.InvalidReasons, "; "), "of quad 2, B: the target was stopped") {
		t.Errorf("exit code %d, %q", got.code, c.InvalidReasons)
	}
}

func TestWhatKeepsTwoBuildsFromBeingCompared(t *testing.T) {
	kerneltest.Privileged(t)
	server := peer.Build(t, "stampserver")
	socket := filepath.Join(openFolder(t), "s")
	for _, row := range []struct {
		name, a, b string
		code       int
		want       string
	}{
		{"both on one socket", server + " --socket " + socket, server + " --socket " + socket, exitUsage, "put {socket} in the commands"},
		{"a command that ends", server + " --socket {socket}", "/bin/false", exitUsage, "B: start /bin/false"},
		{"no server", server + " --socket {socket}", "/bin/sh -c 'exit 3'", exitUsage, "before it listened"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := filepath.Join(openFolder(t), "c")
			got := ipcprobe(t, append([]string{"compare"}, append(short, "--a", row.a, "--b", row.b, "--rate", "500", "--probed", "0", "--out", out)...)...)
			if got.code != row.code || !strings.Contains(got.stderr, row.want) {
				t.Errorf("exit code %d, want %d with %q:\n%s", got.code, row.code, row.want, got.stderr)
			}
			if _, err := os.Lstat(out); err == nil {
				t.Error("something was stored")
			}
		})
	}
	nothingLeft(t)
}
