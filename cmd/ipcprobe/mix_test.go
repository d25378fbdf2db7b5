// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
)

func TestAMixIsReportedByKind(t *testing.T) {
	socket := filepath.Join(openFolder(t), "s")
	peer.Start(t, "[gw] listening", peer.Build(t, "foreign"), socket)
	args := []string{"load", "--socket", socket, "--warmup", "0s", "--requests", "4000", "--quiet",
		"--mix", `80% 0x01 256B, 15% 0x02 {"n":{{seq}}}, 5% ping`}
	got := ipcprobe(t, append(args, "--format", "json")...)
	var r results.Result
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitDone {
		t.Fatalf("exit code %d, %v:\n%s%s", got.code, err, got.stdout, got.stderr)
	}
	if len(r.Load.Kinds) != 3 {
		t.Fatalf("%d kinds, want 3", len(r.Load.Kinds))
	}
	sum := int64(0)
	for i, want := range []string{"0x01 256B", `0x02 {"n":{{seq}}}`, "ping"} {
		k := r.Load.Kinds[i]
		sum += k.Requests.OK
		if k.Name != want || k.Requests.OK == 0 || k.ResponseTime == nil || k.ResponseTime.Count != k.Requests.OK {
			t.Errorf("kind %d is %+v, want %s with a response time for each request", i, k, want)
		}
	}
	if sum != 4000 {
		t.Errorf("the kinds have %d requests, want 4000", sum)
	}
	if text := ipcprobe(t, args...); !strings.Contains(text.stdout, "0x01 256B") {
		t.Errorf("the report has no table of kinds:\n%s", text.stdout)
	}
}

// TestASignalToTheChildChangesNothing: who signals the load's own process does
// not cut it off from a server that would die of it.
func TestASignalToTheChildChangesNothing(t *testing.T) {
	socket := filepath.Join(openFolder(t), "s")
	server := peer.Start(t, "[gw] listening", peer.Build(t, "foreign"), socket)
	c := command("load", "--socket", socket, "--warmup", "0s", "--duration", "1s", "--quiet", "--format", "json", "--pipeline", "4")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	child := childOf(t, c.Process.Pid)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(child, s); err != nil {
			t.Errorf("%v to the child: %v", s, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("ipcprobe load: %v\n%s", err, out.String())
	}
	var r results.Result
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	if r.Run.Partial || r.Load.Requests.Failed() != 0 || r.Load.Requests.OK == 0 {
		t.Errorf("the run ended early (%s): %+v", r.Run.EndedBy, r.Load.Requests)
	}
	if !server.Alive() {
		t.Error("the server died")
	}
}

// childOf waits for the only child of a process to serve as load generator.
func childOf(t testing.TB, pid int) int {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			list, err := os.ReadFile(task)
			if err != nil {
				continue // the thread has ended
			}
			child, err := strconv.Atoi(strings.TrimSpace(string(list)))
			if err != nil {
				continue
			}
			if ignores(child, syscall.SIGTERM) {
				return child
			}
		}
	}
	t.Fatal("the load's process never ignored SIGTERM")
	return 0
}

// ignores says whether a process ignores a signal.
func ignores(pid int, s syscall.Signal) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(status), "SigIgn:")
	line, _, _ := strings.Cut(after, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return err == nil && mask&(1<<(uint(s)-1)) != 0
}
