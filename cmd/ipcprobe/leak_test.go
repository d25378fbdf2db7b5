// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// leakRun is 30,000 requests of a heap phase against leaky, with ten healthy sites
// beside the one that leaks; library is preloaded where it is named.
func leakRun(t *testing.T, program, library string, flags ...string) *results.Result {
	t.Helper()
	socket := filepath.Join(openFolder(t), "s")
	command := []string{}
	if library != "" {
		found, _ := filepath.Glob("/usr/lib*/*/" + library)
		if more, _ := filepath.Glob("/usr/lib*/" + library); len(found) == 0 {
			found = more
		}
		if len(found) == 0 {
			kerneltest.Skip(t, "needs "+library)
			return nil
		}
		command = append(command, "LD_PRELOAD="+found[0])
	}
	if program == "leaky-musl" {
		kerneltest.Tool(t, "musl-gcc")
	}
	command = append(command, peer.Build(t, program), "--socket", socket, "--healthy")
	server := peer.Start(t, "ready", "/usr/bin/env", append(command, flags...)...)
	r, _ := heapRun(t, server.Pid, "--duration", "500ms", "--rate", "20000", "--heap-requests", "30000")
	server.Stop()
	return r
}

// A leak is found through the whole of `run --heap`: the verdict, the pace within
// 5 % and the site by name, first of all.
func TestALeakIsFoundFromEndToEnd(t *testing.T) {
	type leaks struct {
		name, program, library string
		size, every            int
		via                    string
		often                  bool // without -every-shape, too
	}
	cases := []leaks{
		{"16 bytes a request", "leaky", "", 16, 1, "malloc", false},
		{"128 bytes a request", "leaky", "", 128, 1, "malloc", false},
		{"4096 bytes a request", "leaky", "", 4096, 1, "malloc", false},
		{"a block in 100 requests", "leaky", "", 128, 100, "malloc", true},
		{"realloc", "leaky", "", 128, 1, "realloc", false},
		{"strdup", "leaky", "", 128, 1, "strdup", false},
		{"pages", "leaky", "", 4096, 1, "mmap", false},
		{"pages in 4 requests", "leaky", "", 8192, 4, "mmap", false},
	}
	for _, c := range []leaks{
		{name: "glibc static", program: "leaky-static"},
		{name: "musl static", program: "leaky-musl"},
		{name: "jemalloc", program: "leaky", library: "libjemalloc.so.2"},
		{name: "tcmalloc", program: "leaky", library: "libtcmalloc_minimal.so.4"},
	} {
		for _, shape := range []leaks{
			{name: " 16", size: 16, every: 1, via: "malloc"},
			{name: " 128", size: 128, every: 1, via: "malloc"},
			{name: " 4096", size: 4096, every: 1, via: "malloc"},
			{name: " in 100", size: 128, every: 100, via: "malloc"},
			{name: " realloc", size: 128, every: 1, via: "realloc"},
			{name: " strdup", size: 128, every: 1, via: "strdup", often: c.program == "leaky-musl"},
			{name: " pages", size: 4096, every: 1, via: "mmap"},
		} {
			shape.name, shape.program, shape.library = c.name+shape.name, c.program, c.library
			cases = append(cases, shape)
		}
	}
	for _, c := range cases {
		if !c.often && !*everyShape {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			r := leakRun(t, c.program, c.library, "--leak", strconv.Itoa(c.size), "--every", strconv.Itoa(c.every), "--via", c.via)
			want := 1000 * float64(c.size) / float64(c.every)
			l := r.Memory.Leak
			if l == nil || l.View != "heap" || r.Memory.Heap == nil || r.Memory.Heap.Requests != 30_000 {
				t.Fatalf("%+v, %+v; %q", l, r.Memory.Heap, r.Warnings)
			}
			if l.Verdict != results.LeakFound || l.BytesPer1000 == nil || math.Abs(*l.BytesPer1000-want) > 0.05*want {
				t.Fatalf("want a leak of %.0f bytes per 1,000 requests: %+v", want, l)
			}
			t.Logf("%.1f bytes per 1,000 requests, want %.0f; interval %.1f", *l.BytesPer1000, want, *l.Interval)
			if len(l.Stacks) == 0 || l.Stacks[0].Function != "leak_here" {
				t.Errorf("the leak is not first: %+v", l.Stacks)
			}
		})
	}
}
