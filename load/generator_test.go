// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// TestSlicesAreCutExactly drives a child as a run does and checks what it
// hands back: stamps, records in stream order, syncs between requests.
func TestSlicesAreCutExactly(t *testing.T) {
	for _, shape := range []func(*Options){
		func(o *Options) { o.Pipeline = 8 },
		func(o *Options) { o.Rate = "20000" },
		func(o *Options) { o.Threads = 2 },
	} {
		s := startServer(t, answering(goodAnswer))
		o := testOptions(s)
		shape(&o)
		g := spawnTest(t, o)
		conns, err := g.Ready()
		if err != nil || len(conns) != o.Connections {
			t.Fatalf("Ready: %d connections, %v", len(conns), err)
		}
		for _, c := range conns {
			if c.Cookie == 0 {
				t.Errorf("connection %d has no cookie", c.Index)
			}
		}
		last := int64(0)
		for i, mode := range []results.Mode{results.Warmup, results.Bare, results.Probed, results.Bare} {
			begin(t, g, i, mode)
			var syncs []results.Sync
			if mode == results.Probed {
				if syncs, err = g.Sync(5 * time.Second); err != nil || len(syncs) != o.Connections {
					t.Fatalf("Sync: %d syncs, %v", len(syncs), err)
				}
			}
			from := s.requests.Load()
			for s.requests.Load() < from+500 {
				time.Sleep(time.Millisecond)
			}
			slice, requests, err := g.End(i)
			if err != nil {
				t.Fatal(err)
			}
			if slice.Index != i || slice.Mode != mode || slice.Start < last || slice.End <= slice.Start {
				t.Errorf("slice %d is %+v", i, slice)
			}
			last = slice.End
			checkIntervals(t, slice)
			if mode != results.Probed {
				if len(requests) != 0 {
					t.Errorf("%d requests of a slice that was not recorded", len(requests))
				}
				continue
			}
			checkRecords(t, slice, requests, syncs, o.Threads)
		}
		totals, err := g.Stop()
		if err != nil {
			t.Fatal(err)
		}
		if c := totals.Counts; c.Sent != c.OK || c.Sent != s.requests.Load() {
			t.Errorf("totals %+v, the server saw %d", c, s.requests.Load())
		}
		if totals.Dropped != 0 {
			t.Errorf("%d records were dropped", totals.Dropped)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if err := g.Failure(); err != nil {
			t.Errorf("a run in good order failed: %v", err)
		}
		checkManners(t, s, -1)
	}
}

func begin(t *testing.T, g *Generator, index int, mode results.Mode) {
	t.Helper()
	if err := g.Begin(results.Slice{Index: index, Mode: mode}, mode == results.Probed); err != nil {
		t.Fatal(err)
	}
}

func checkIntervals(t *testing.T, s results.Slice) {
	t.Helper()
	at := s.Start
	for _, v := range s.Intervals {
		if v.Slice != s.Index || v.Start > at+int64(5*time.Millisecond) || v.End <= v.Start {
			t.Errorf("slice %d [%d, %d]: interval [%d, %d] after %d", s.Index, s.Start, s.End, v.Start, v.End, at)
		}
		at = v.End
	}
	if len(s.Intervals) == 0 || at < s.End {
		t.Errorf("slice %d: %d intervals end at %d, the slice at %d", s.Index, len(s.Intervals), at, s.End)
	}
}

// checkRecords: requests of a connection follow each other in both streams
// without a gap, begin within the slice, and a sync lies between two. Of
// several threads a slice is what all have in common, and records may lie a
// little outside.
func checkRecords(t *testing.T, s results.Slice, requests []results.Request, syncs []results.Sync, threads int) {
	t.Helper()
	counts := s.Counts()
	// What was due just before the slice and sent in it makes a small difference.
	if differ := int64(len(requests)) - counts.Sent; differ < -64 || differ > 64 {
		t.Errorf("%d records, %d sent in the slice", len(requests), counts.Sent)
	}
	last := map[uint32]results.Request{}
	for _, r := range requests {
		if r.Outcome != results.OK || threads == 1 && (r.Intended < s.Start || r.Intended >= s.End) || r.Intended > r.Sent || r.Sent >= r.Received {
			t.Fatalf("record %+v in a slice from %d to %d", r, s.Start, s.End)
		}
		if p, ok := last[r.Conn]; ok && (r.OutEnd != p.OutEnd+uint64(r.OutLen) || r.InEnd != p.InEnd+uint64(r.InLen)) {
			t.Fatalf("record %+v does not follow %+v", r, p)
		}
		last[r.Conn] = r
	}
	for _, y := range syncs {
		for _, r := range requests {
			if r.Conn != y.Conn {
				continue
			}
			before := r.OutEnd <= y.Out && r.InEnd <= y.In && r.Received <= y.At
			after := r.OutEnd-uint64(r.OutLen) >= y.Out && r.InEnd-uint64(r.InLen) >= y.In && r.Sent >= y.At
			if !before && !after {
				t.Fatalf("request %+v is under way at the sync %+v", r, y)
			}
		}
	}
}

// TestRecordsAreBounded: more requests than asked for are dropped and counted.
func TestRecordsAreBounded(t *testing.T) {
	s := startServer(t, answering(goodAnswer))
	o := testOptions(s)
	o.Requests = 1000
	g, err := Start(o, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Ready(); err != nil {
		t.Fatal(err)
	}
	begin(t, g, 0, results.Probed)
	<-g.Exhausted()
	_, requests, err := g.End(0)
	if err != nil || len(requests) != 100 {
		t.Errorf("%d records, %v; want 100", len(requests), err)
	}
	if totals, err := g.Stop(); err != nil || totals.Dropped != 900 {
		t.Errorf("%d dropped, %v; want 900", totals.Dropped, err)
	}
}

// TestSyncGivesUpOnTheSilent: a connection whose answer doesn't come is left
// out, and the others go on.
func TestSyncGivesUpOnTheSilent(t *testing.T) {
	s := startServer(t, firstGood(20, silent))
	o := testOptions(s)
	o.Timeout = 500 * time.Millisecond
	g := spawnTest(t, o)
	if _, err := g.Ready(); err != nil {
		t.Fatal(err)
	}
	begin(t, g, 0, results.Bare)
	for s.requests.Load() < 24 {
		time.Sleep(time.Millisecond)
	}
	syncs, err := g.Sync(50 * time.Millisecond)
	if err != nil || len(syncs) != 0 {
		t.Errorf("Sync: %d syncs, %v; want none", len(syncs), err)
	}
	totals, err := g.Stop()
	if err != nil || totals.Counts.Censored+totals.Counts.Timeout != 4 {
		t.Errorf("Stop: %+v, %v; want 4 unanswered", totals.Counts, err)
	}
}

// TestChildThatIsKilledIsTold: every call says so, and none hangs.
func TestChildThatIsKilledIsTold(t *testing.T) {
	s := startServer(t, answering(goodAnswer))
	g := spawnTest(t, testOptions(s))
	if _, err := g.Ready(); err != nil {
		t.Fatal(err)
	}
	begin(t, g, 0, results.Bare)
	if err := unix.Kill(g.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-g.Failed()
	_, _, endErr := g.End(0)
	_, syncErr := g.Sync(time.Second)
	_, stopErr := g.Stop()
	for _, err := range []error{g.Failure(), endErr, syncErr, stopErr} {
		if err == nil || !strings.Contains(err.Error(), "ended unexpectedly") {
			t.Errorf("the error is %v", err)
		}
	}
}

// TestServeRefusesWhatIsNoControlSocket: --control-fd is not for users.
func TestServeRefusesWhatIsNoControlSocket(t *testing.T) {
	for _, fd := range []int{-1, 0, 2, 987} {
		if err := Serve(fd, Defaults()); err == nil {
			t.Errorf("Serve(%d): no error", fd)
		}
	}
}

// TestDamagedMessagesEndTheGenerator: a child that says nonsense is not
// believed, and takes no memory.
func TestDamagedMessagesEndTheGenerator(t *testing.T) {
	for _, message := range []string{
		"\xff\xff\xff\xffr", "\x02\x00\x00\x00r{]", "\x01\x00\x00\x00ix", "\x04\x00\x00\x00qabcd", "\x00\x00\x00\x00?",
	} {
		ours, theirs, err := controlPair()
		if err != nil {
			t.Fatal(err)
		}
		g := newGenerator(ours, nil, SpawnOptions{Load: Defaults()})
		g.inside = make(chan error, 1)
		g.inside <- nil
		if _, err := theirs.WriteString(message); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Ready(); err == nil {
			t.Errorf("%q: no error", message)
		}
		theirs.Close()
		if err := g.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	}
}
