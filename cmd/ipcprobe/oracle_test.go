// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// strace counts the calls of the same requests. What it sees beside them (the
// connections' opening and end, the first request that checks the server) is the
// same for any number of requests, so two runs of different length tell.
func TestTheTableOfCallsIsThatOfStrace(t *testing.T) {
	kerneltest.Privileged(t)
	strace := kerneltest.Tool(t, "strace")
	const few, many = 300, 1300
	tableFew, straceFew := callsOf(t, strace, few)
	tableMany, straceMany := callsOf(t, strace, many)
	names := make(map[string]bool)
	for name := range straceMany {
		names[name] = true
	}
	for name := range tableMany {
		names[name] = true
	}
	for name := range names {
		ours, theirs := tableMany[name]-tableFew[name], straceMany[name]-straceFew[name]
		if ours != theirs {
			t.Errorf("%s: %d calls in %d more requests, strace counts %d", name, ours, many-few, theirs)
		}
	}
	if tableMany["recvfrom"]+tableMany["recv"]+tableMany["read"] < many {
		t.Errorf("the table %v does not hold %d requests", tableMany, many)
	}
}

// callsOf measures n requests under strace -c, all of them probed, and returns
// both counts.
func callsOf(t *testing.T, strace string, n int) (table, counted map[string]int64) {
	t.Helper()
	server, _ := startPeer(t, "stampserver")
	summary := filepath.Join(t.TempDir(), "summary")
	tracer := exec.Command(strace, "-c", "-f", "-o", summary, "-p", strconv.Itoa(server.Pid))
	errs, err := tracer.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(errs).ReadString('\n'); err != nil || !strings.Contains(line, "attached") {
		t.Fatalf("strace: %q, %v", line, err)
	}
	r := measureJSON(t, exitDone, "--pid", strconv.Itoa(server.Pid), "--requests", strconv.Itoa(n),
		"--warmup", "0s", "--budget", "100", "--slice", "60s", "--connections", "1")
	// The server's last poll is under way; ended, it would be counted.
	if err := tracer.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = tracer.Wait() // strace ends by the signal it was sent
	table = make(map[string]int64)
	for _, call := range r.Syscalls {
		table[call.Name] = call.Calls
	}
	return table, readSummary(t, summary)
}

// readSummary reads the table of strace -c: "% time, seconds, usecs/call,
// calls, errors, syscall".
func readSummary(t *testing.T, path string) map[string]int64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || strings.HasPrefix(fields[0], "%") || strings.HasPrefix(fields[0], "-") || fields[len(fields)-1] == "total" {
			continue
		}
		n, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			t.Fatalf("strace's line %q: %v", line, err)
		}
		counts[fields[len(fields)-1]] = n
	}
	if len(counts) == 0 {
		t.Fatalf("strace counted nothing:\n%s", text)
	}
	return counts
}
