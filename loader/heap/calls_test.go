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

// Each allocator's calls by a server that says how many it makes.
func TestEveryAllocatorsCallsAreCounted(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			server, socket := k.start(t, "--healthy")
			w := watch(t, server.Pid, "")
			if got := w.probes.Allocator.Objects[0]; !strings.HasPrefix(got, k.object) {
				t.Errorf("found %q, want %s first", w.probes.Allocator.Objects, k.object)
			}
			const n = 3000
			ask(t, socket, n)
			h := w.result(t)
			const rings, ring = 5, 64 // blocks of five sites are held for 64 requests
			if h.Allocs != n*k.allocs || h.LiveObjects != rings*ring || h.Frees != h.Allocs-rings*ring || h.Lost != 0 || h.OlderFrees != 0 || h.Failed != 0 {
				t.Errorf("%d allocations, want %d; %d live, want %d; frees %d, older %d, lost %d, failed %d",
					h.Allocs, n*k.allocs, h.LiveObjects, rings*ring, h.Frees, h.OlderFrees, h.Lost, h.Failed)
			}
			var sites int64
			for _, s := range h.All {
				sites += s.Allocs
			}
			if sites != h.Allocs {
				t.Errorf("the sites have %d allocations of %d", sites, h.Allocs)
			}
			server.Stop()
		})
	}
}

// valgrind counts the same requests. What it sees beside them (start, end) is the
// same for any number, so two runs of different length tell.
func TestCountsAreThoseOfValgrind(t *testing.T) {
	valgrind := kerneltest.Tool(t, "valgrind")
	programs := map[string]func(socket string) []string{
		"churn": func(socket string) []string {
			return []string{peer.Build(t, "leaky"), "--churn", "--healthy", "--socket", socket}
		},
		"gateway": func(socket string) []string {
			return []string{peer.Reference(t, "v1"), "--no-nats", "--socket", socket}
		},
	}
	for name, command := range programs {
		t.Run(name, func(t *testing.T) {
			kerneltest.Privileged(t)
			const first, n = 1000, 3000 // churn is the same for any thousand requests
			run := func(requests ...int) usage {
				socket := filepath.Join(t.TempDir(), "s")
				log := filepath.Join(t.TempDir(), "log")
				args := append([]string{"--tool=memcheck", "--undef-value-errors=no", "--log-file=" + log}, command(socket)...)
				server := peer.Launch(t, valgrind, args...)
				awaitSocket(t, socket)
				for _, r := range requests {
					ask(t, socket, r)
				}
				server.Stop()
				return readUsage(t, log)
			}
			less, more := run(first), run(first, n)
			want := usage{more.allocs - less.allocs, more.frees - less.frees, more.bytes - less.bytes}

			socket := filepath.Join(t.TempDir(), "s")
			line := command(socket)
			server := peer.Launch(t, line[0], line[1:]...)
			awaitSocket(t, socket)
			ask(t, socket, first)
			w := watch(t, server.Pid, "")
			ask(t, socket, n)
			h := w.result(t)
			got := usage{h.Allocs, h.Frees + h.OlderFrees, h.AllocBytes}
			t.Logf("a request: %.3f allocations, %.3f frees, %.1f bytes; valgrind %.3f, %.3f, %.1f",
				float64(got.allocs)/n, float64(got.frees)/n, float64(got.bytes)/n, float64(want.allocs)/n, float64(want.frees)/n, float64(want.bytes)/n)
			for _, c := range []struct {
				what      string
				got, want int64
			}{{"allocations", got.allocs, want.allocs}, {"frees", got.frees, want.frees}, {"bytes", got.bytes, want.bytes}} {
				if d := float64(c.got-c.want) / float64(c.want); d < -0.005 || d > 0.005 {
					t.Errorf("%d %s, valgrind counts %d", c.got, c.what, c.want)
				}
			}
			server.Stop()
		})
	}
}

type usage struct{ allocs, frees, bytes int64 }

var usageLine = regexp.MustCompile(`total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes`)

func readUsage(t *testing.T, log string) (u usage) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	m := usageLine.FindStringSubmatch(string(text))
	if m == nil {
		t.Fatalf("valgrind did not say what was used:\n%s", text)
	}
	for i, to := range []*int64{&u.allocs, &u.frees, &u.bytes} {
		if *to, err = strconv.ParseInt(strings.ReplaceAll(m[i+1], ",", ""), 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return u
}
