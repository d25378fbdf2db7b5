// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"net"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// roundsVariable sets how many attach/detach rounds the test makes.
const roundsVariable = "IPCPROBE_TEST_ROUNDS"

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number of rounds", roundsVariable, text)
	}
	return n
}

// perOpening is how many of the rounds each opening of the probes makes.
const perOpening = 20

// Nothing of ours stays in the kernel: no link behind Detach, and no program and
// map behind Close. Others may load theirs meanwhile: only our own ids are asked for.
func TestRoundsOfAttachAndDetachLeaveNothing(t *testing.T) {
	kerneltest.Privileged(t)
	pid, conn := startServer(t)
	n := rounds(t)
	var slowest paces
	for left := n; left > 0; left -= perOpening {
		probes, err := Open(Options{Target: pid, Client: os.Getpid(), SampleHz: 199, TapeBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		programs, maps := idsOf(t, probes.collection)
		for range min(left, perOpening) {
			slowest.add(attachAndDetach(t, probes, pid, conn))
		}
		if err := probes.Close(); err != nil {
			t.Fatal(err)
		}
		gone(t, "programs", programs, func(id uint32) error { return closing(ebpf.NewProgramFromID(ebpf.ProgramID(id))) })
		gone(t, "maps", maps, func(id uint32) error { return closing(ebpf.NewMapFromID(ebpf.MapID(id))) })
	}
	t.Logf("%d rounds; the slowest took %v to attach and %v to detach", n, slowest.attach, slowest.detach)
}

// paces are how long a round took.
type paces struct{ attach, detach time.Duration }

func (p *paces) add(q paces) { p.attach, p.detach = max(p.attach, q.attach), max(p.detach, q.detach) }

// attachAndDetach is one round, in which the probes see some requests.
func attachAndDetach(t *testing.T, probes *Probes, pid int, conn *net.UnixConn) (p paces) {
	t.Helper()
	began := time.Now()
	if err := probes.Attach(); err != nil {
		t.Fatal(err)
	}
	p.attach = time.Since(began)
	links := linksOf(t, probes.links)
	exchange(t, conn, 4) // the first makes a connection known: it may be taken too early
	receives(t, pid)
	began = time.Now()
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	p.detach = time.Since(began)
	seen, err := probes.Collect(nil)
	if err != nil || len(seen) < 9 {
		t.Fatalf("%d observations, %v", len(seen), err)
	}
	gone(t, "links", links, func(id uint32) error { return closing(link.NewFromID(link.ID(id))) })
	return p
}

type closer interface{ Close() error }

func closing[T closer](c T, err error) error {
	if err == nil {
		_ = c.Close() // it was there
	}
	return err
}

// idsOf are the ids by which the kernel knows what was loaded.
func idsOf(t *testing.T, c *ebpf.Collection) (programs, maps []uint32) {
	t.Helper()
	for name, program := range c.Programs {
		info, err := program.Info()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		id, ok := info.ID()
		if !ok {
			kerneltest.Skip(t, "this kernel numbers no programs")
		}
		programs = append(programs, uint32(id))
	}
	for name, m := range c.Maps {
		info, err := m.Info()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		id, _ := info.ID()
		maps = append(maps, uint32(id))
	}
	return programs, maps
}

func linksOf(t *testing.T, links []link.Link) (ids []uint32) {
	t.Helper()
	for _, l := range links {
		info, err := l.Info()
		if err != nil {
			if errors.Is(err, link.ErrNotSupported) { // no link object on this rung
				continue
			}
			t.Fatal(err)
		}
		ids = append(ids, uint32(info.ID))
	}
	return ids
}

// gone holds that the kernel knows none of the ids any more, give or take the
// moment in which it frees them.
func gone(t *testing.T, kind string, ids []uint32, find func(uint32) error) {
	t.Helper()
	var left []uint32
	for range 200 {
		left = left[:0]
		for _, id := range ids {
			if !errors.Is(find(id), os.ErrNotExist) {
				left = append(left, id)
			}
		}
		if len(left) == 0 {
			return
		}
		// The library unmaps the programs' variables when they are collected.
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d of %d %s stay: %v", len(left), len(ids), kind, left)
}

// BenchmarkAttachDetach says what a probed slice costs before and behind it.
func BenchmarkAttachDetach(b *testing.B) {
	kerneltest.Privileged(b)
	probes, err := Open(Options{Target: os.Getpid(), SampleHz: 199})
	if err != nil {
		b.Fatal(err)
	}
	defer probes.Close()
	var attaching, detaching time.Duration
	for b.Loop() {
		began := time.Now()
		if err := probes.Attach(); err != nil {
			b.Fatal(err)
		}
		attached := time.Now()
		if err := probes.Detach(); err != nil {
			b.Fatal(err)
		}
		attaching += attached.Sub(began)
		detaching += time.Since(attached)
	}
	b.ReportMetric(float64(attaching.Microseconds())/1000/float64(b.N), "attach-ms/op")
	b.ReportMetric(float64(detaching.Microseconds())/1000/float64(b.N), "detach-ms/op")
}
