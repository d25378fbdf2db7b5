// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// The server logs its own stamps: at the return of the recv that took a
// request, and before the send that carries the answer. The kernel's service
// time of the same request must be that, give or take the way into the calls.
func TestServiceTimesAreThoseOfTheServersOwnStamps(t *testing.T) {
	kerneltest.Privileged(t)
	for name, args := range map[string][]string{
		"one connection":     {"--connections", "1"},
		"sixteen, pipelined": {"--connections", "16", "--pipeline", "8"},
		"at a rate":          {"--connections", "4", "--rate", "5000", "--arrivals", "constant"},
	} {
		t.Run(name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "stamps")
			server, _ := startPeer(t, "stampserver", "--log", log, "--busy-us", "20")
			joined := joinedRequests(t, server.Pid, args...)
			if code := server.Stop(); code != 0 {
				t.Fatalf("the server ended with %d:\n%s", code, server.Output())
			}
			stamps, err := peer.ReadStamps(log)
			if err != nil {
				t.Fatal(err)
			}
			compareServiceTimes(t, joined, stamps)
		})
	}
}

// joinedRequests measures in this process and returns every joined request.
func joinedRequests(t *testing.T, pid int, args ...string) []results.Joined {
	t.Helper()
	o := &runOptions{pid: pid, budget: 50, hz: 199, slice: 200 * time.Millisecond, quiet: true}
	root := newRun(io.Discard, io.Discard)
	o.load = load.Flags(root.InheritedFlags())
	if err := root.InheritedFlags().Parse(append([]string{"--duration", "2s", "--warmup", "100ms"}, args...)); err != nil {
		t.Fatal(err)
	}
	var all []results.Joined
	o.onJoined = func(some []results.Joined) { all = append(all, some...) }
	m, err := measure(context.Background(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.slices) == 0 || len(all) < 500 {
		t.Fatalf("%d slices, %d joined requests", len(m.slices), len(all))
	}
	return all
}

// place names a request by its connection and the end of its answer. Both
// sides count connections in the order in which they were opened.
type place struct {
	connection uint32
	outEnd     uint64
}

func compareServiceTimes(t *testing.T, joined []results.Joined, stamps []peer.Stamp) {
	t.Helper()
	logged := make(map[place]int64, len(stamps))
	for _, s := range stamps {
		logged[place{s.Connection, s.OutEnd}] = int64(s.SendingNs - s.ReceivedNs)
	}
	var differences []int64
	for i := range joined {
		j := &joined[i]
		own, ok := logged[place{j.Conn, j.InEnd}]
		if !ok {
			t.Fatalf("the server did not log the answer that ends at %d of connection %d", j.InEnd, j.Conn)
		}
		differences = append(differences, max(j.ServiceTime()-own, own-j.ServiceTime()))
	}
	slices.Sort(differences)
	median, p99 := differences[len(differences)/2], differences[len(differences)*99/100]
	t.Logf("%d requests: difference to the server's own stamps: median %d ns, p99 %d ns", len(differences), median, p99)
	if median > 2000 {
		t.Errorf("median difference %d ns, want at most 2 µs", median)
	}
}

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
