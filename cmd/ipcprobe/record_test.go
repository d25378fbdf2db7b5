// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
)

// TestARecordGivesTheReportAgain: the figures made of the requests are those
// that the load had counted.
func TestARecordGivesTheReportAgain(t *testing.T) {
	socket, file := filepath.Join(openFolder(t), "s"), filepath.Join(t.TempDir(), "load.rec")
	peer.Start(t, "[gw] listening", peer.Build(t, "foreign"), socket)
	args := []string{"load", "--socket", socket, "--warmup", "0s", "--requests", "5000", "--quiet", "--format", "json",
		"--mix", "75% 0x01 256B, 25% ping", "--record", file}
	parse := func(got outcome) (r results.Result) {
		t.Helper()
		if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitDone {
			t.Fatalf("exit code %d, %v:\n%s%s", got.code, err, got.stdout, got.stderr)
		}
		return r
	}
	loaded, read := parse(ipcprobe(t, args...)), parse(ipcprobe(t, "report", "--format", "json", file))
	a, b := loaded.Load, read.Load
	if *a.AchievedRPS != *b.AchievedRPS || a.Requests != b.Requests || a.PayloadBytes != b.PayloadBytes {
		t.Errorf("load\n%+v, report\n%+v", a, b)
	}
	for i := range a.Kinds {
		if a.Kinds[i].Name != b.Kinds[i].Name || a.Kinds[i].Requests != b.Kinds[i].Requests {
			t.Errorf("kind %d: load %+v, report %+v", i, a.Kinds[i], b.Kinds[i])
		}
	}
	x, y := loaded.Latency.ResponseTime, read.Latency.ResponseTime
	if x.Count != 5000 || y.Count != 5000 || *x.P99 != *y.P99 || x.Max != y.Max {
		t.Errorf("response time: load %+v, report %+v", x, y)
	}
	if loaded.Run.StartedAt != read.Run.StartedAt || read.Target.Socket != socket {
		t.Errorf("the report is of %s at %s", read.Target.Socket, read.Run.StartedAt)
	}

	checkRefusal(t, ipcprobe(t, args...), "is there already")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.rec")
	if err := os.WriteFile(cut, whole[:len(whole)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	got := ipcprobe(t, "report", cut)
	if got.code == exitUsage || !strings.Contains(got.stdout, "cut off") {
		t.Errorf("a record that is cut off: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestFilesThatAreNoRecordsAreRefused(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("hello, I am no record at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, ipcprobe(t, "report", other), "not a sound record")
	checkRefusal(t, ipcprobe(t, "report", filepath.Join(t.TempDir(), "none")), "no such file")
	checkRefusal(t, ipcprobe(t, "report"), "arg")
	checkRefusal(t, ipcprobe(t, "run", "--record", other), "ipcprobe load --record")
	checkRefusal(t, ipcprobe(t, "load", "--socket", "/nonexistent/s", "--record", other, "--search", "p99<10ms"), "--record")
}
