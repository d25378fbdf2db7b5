// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/heap"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// kind is one allocator, and how a server comes to use it.
type kind struct {
	name     string
	program  string   // the peer
	preload  string   // a library that takes malloc's place
	object   string   // that is found
	allocs   int64    // of --healthy, a request: musl's asprintf allocates once
	ways     []string // in which a leak is tried
	settings []string // of the environment
}

var (
	everyWay = []string{"malloc", "calloc", "realloc", "strdup", "mmap"}
	someWays = []string{"malloc", "realloc", "strdup"}
)

var kinds = []kind{
	{name: "glibc", program: "leaky", object: "libc.so.6", allocs: 16, ways: everyWay},
	{name: "glibc, static", program: "leaky-static", object: "leaky-static", allocs: 16, ways: someWays},
	{name: "musl, static", program: "leaky-musl", object: "leaky-musl", allocs: 15, ways: everyWay},
	{name: "jemalloc", program: "leaky", preload: "libjemalloc.so.2", object: "libjemalloc.so.2", allocs: 16, ways: someWays},
	{name: "tcmalloc", program: "leaky", preload: "libtcmalloc_minimal.so.4", object: "libtcmalloc_minimal.so.4", allocs: 16, ways: someWays},
}

// start runs the peer and gives its process and socket.
func (k kind) start(t *testing.T, args ...string) (*peer.Process, string) {
	t.Helper()
	kerneltest.Privileged(t)
	socket := filepath.Join(t.TempDir(), "s")
	command := append(k.environment(t), peer.Build(t, k.program), "--socket", socket)
	return peer.Start(t, "ready", "/usr/bin/env", append(command, args...)...), socket
}

// environment is what a command needs before it to run with the allocator, for env.
func (k kind) environment(t *testing.T) []string {
	t.Helper()
	if k.program == "leaky-musl" {
		kerneltest.Tool(t, "musl-gcc")
	}
	settings := slices.Clone(k.settings)
	if k.preload == "" {
		return settings
	}
	found, _ := filepath.Glob("/usr/lib*/*/" + k.preload)
	if more, _ := filepath.Glob("/usr/lib*/" + k.preload); len(found) == 0 {
		found = more
	}
	if len(found) == 0 {
		kerneltest.Skip(t, "needs "+k.preload)
		return nil
	}
	return append(settings, "LD_PRELOAD="+found[0])
}

// watched is a target with the probes on and counting.
type watched struct {
	probes *heap.Probes
	curve  *heap.Curve
	names  *symbol.Process
}

func watch(t *testing.T, pid int, allocator string) *watched {
	t.Helper()
	tables, err := loader.OpenUnwinding(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tables.Close() })
	probes, err := heap.Open(heap.Options{Target: pid, Allocator: allocator, Unwind: tables.Maps()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := probes.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := probes.Attach(); err != nil {
		t.Fatal(err)
	}
	if err := probes.Count(true, 70); err != nil {
		t.Fatal(err)
	}
	names := symbol.OpenProcess(pid)
	if err := names.Refresh(); err != nil {
		t.Fatal(err)
	}
	return &watched{probes, probes.Curve(), names}
}

// result reads what was counted.
func (w *watched) result(t *testing.T) *results.Heap {
	t.Helper()
	_, sums, err := w.curve.Look(results.HeapMoment{Rest: true})
	if err != nil {
		t.Fatal(err)
	}
	if a := sums.Account; a.Seen != a.Emitted+a.Filtered+a.Lost {
		t.Errorf("the account does not add up: %+v", a)
	}
	return w.curve.Result(sums, w.names)
}

// ask sends n requests, one after the other, and waits for their answers.
func ask(t *testing.T, socket string, n int) {
	t.Helper()
	client := peer.Launch(t, peer.Build(t, "plainclient"), "--socket", socket, "--requests", strconv.Itoa(n))
	if code := client.Wait(2 * time.Minute); code != 0 {
		t.Fatalf("the client ended with %d: %s", code, client.Output())
	}
}

func awaitSocket(t *testing.T, socket string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			time.Sleep(100 * time.Millisecond) // bound, but not yet listening
			return
		}
	}
	t.Fatalf("nothing listens on %s", socket)
}
