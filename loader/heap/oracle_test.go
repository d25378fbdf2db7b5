// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// oracle is a server and who else counts its calls: valgrind, in the place of the
// allocator that it is told of, or where it can't be (a static program has no dynamic
// linker that would load it) a count of the program's own, linked around each call.
type oracle struct {
	name    string
	server  kind
	gateway bool   // the reference gateway in the peer's place
	synonym string // of the object whose malloc valgrind replaces
	tallied string // the peer with a count of its own; empty: valgrind
}

func oracles() []oracle {
	var all []oracle
	for _, k := range kinds {
		switch {
		case strings.HasSuffix(k.name, "static"):
			all = append(all, oracle{name: "churn, " + k.name, server: k, tallied: k.program + "-tallied"})
		default:
			all = append(all, oracle{name: "churn, " + k.name, server: k, synonym: k.preload},
				oracle{name: "gateway, " + k.name, server: k, gateway: true, synonym: k.preload})
		}
	}
	return all
}

// arguments is the server's command line.
func (o oracle) arguments(t *testing.T, program, socket string) []string {
	if o.gateway {
		return []string{peer.Reference(t, "v1"), "--no-nats", "--socket", socket}
	}
	return []string{peer.Build(t, program), "--churn", "--healthy", "--socket", socket}
}

// launch starts a command with the server's allocator and waits until it listens.
func (o oracle) launch(t *testing.T, socket string, command ...string) *peer.Process {
	t.Helper()
	server := peer.Launch(t, "/usr/bin/env", append(o.server.environment(t), command...)...)
	awaitSocket(t, socket)
	return server
}

// count is what the oracle saw of a server that answered so many requests.
func (o oracle) count(t *testing.T, requests ...int) usage {
	t.Helper()
	socket, log := filepath.Join(t.TempDir(), "s"), filepath.Join(t.TempDir(), "log")
	var command []string
	if o.tallied != "" {
		command = o.arguments(t, o.tallied, socket)
	} else {
		valgrind := []string{kerneltest.Tool(t, "valgrind"), "--tool=memcheck", "--undef-value-errors=no", "--log-file=" + log}
		if o.synonym != "" {
			valgrind = append(valgrind, "--soname-synonyms=somalloc="+o.synonym)
		}
		command = append(valgrind, o.arguments(t, o.server.program, socket)...)
	}
	server := o.launch(t, socket, command...)
	for _, n := range requests {
		ask(t, socket, n)
	}
	server.Stop()
	if o.tallied != "" {
		return readUsage(t, server.Output())
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return readUsage(t, string(text))
}

// An oracle counts the same requests. What it sees beside them (start, end) is the
// same for any number, so two runs of different length tell.
func TestCountsAreThoseOfAnOracle(t *testing.T) {
	for _, o := range oracles() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel() // counts, not times
			kerneltest.Privileged(t)
			const first, n = 1000, 3000 // churn is the same for any thousand requests
			less, more := o.count(t, first), o.count(t, first, n)
			want := usage{more.allocs - less.allocs, more.frees - less.frees, more.bytes - less.bytes}

			socket := filepath.Join(t.TempDir(), "s")
			server := o.launch(t, socket, o.arguments(t, o.server.program, socket)...)
			ask(t, socket, first)
			w := watch(t, server.Pid, "")
			if got := w.probes.Allocator.Objects[0]; !strings.HasPrefix(got, o.server.object) {
				t.Errorf("found %q, want %s first", w.probes.Allocator.Objects, o.server.object)
			}
			ask(t, socket, n)
			h := w.result(t)
			got := usage{h.Allocs, h.Frees + h.OlderFrees, h.AllocBytes}
			t.Logf("a request: %.3f allocations, %.3f frees, %.1f bytes; the oracle has %.3f, %.3f, %.1f",
				float64(got.allocs)/n, float64(got.frees)/n, float64(got.bytes)/n, float64(want.allocs)/n, float64(want.frees)/n, float64(want.bytes)/n)
			for _, c := range []struct {
				what      string
				got, want int64
			}{{"allocations", got.allocs, want.allocs}, {"frees", got.frees, want.frees}, {"bytes", got.bytes, want.bytes}} {
				if d := float64(c.got-c.want) / float64(c.want); !(d >= -0.005 && d <= 0.005) {
					t.Errorf("%d %s, the oracle counts %d", c.got, c.what, c.want)
				}
			}
			server.Stop()
		})
	}
}

type usage struct{ allocs, frees, bytes int64 }

var usageLine = regexp.MustCompile(`total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes`)

// readUsage reads valgrind's summary, or that of tallied.c, which has its form.
func readUsage(t *testing.T, text string) (u usage) {
	t.Helper()
	m := usageLine.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the oracle did not say what was used:\n%s", text)
	}
	var err error
	for i, to := range []*int64{&u.allocs, &u.frees, &u.bytes} {
		if *to, err = strconv.ParseInt(strings.ReplaceAll(m[i+1], ",", ""), 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return u
}
