// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// TestEveryRequestIsAnsweredOnce: the figures of a run with a fixed number of
// requests are exact, whatever the shape of the load.
func TestEveryRequestIsAnsweredOnce(t *testing.T) {
	tests := []struct {
		name  string
		serve func(*testServer, net.Conn, *bufio.Reader) error
		shape func(*Options)
	}{
		{"one connection", answering(goodAnswer), func(o *Options) { o.Connections = 1 }},
		{"pipeline 8 on 16 connections", answering(goodAnswer), func(o *Options) { o.Connections, o.Pipeline = 16, 8 }},
		{"odd pipeline", answering(goodAnswer), func(o *Options) { o.Pipeline = 7 }},
		{"batches", answering(goodAnswer), func(o *Options) { o.Batch, o.Connections, o.Pipeline = true, 3, 7 }},
		{"batches of a mix", answering(goodAnswer), func(o *Options) {
			o.Mix, o.Batch, o.Pipeline, o.Requests = "50% 64KiB, 50% {\"n\":{{seq}}}", true, 16, 200
		}},
		{"two threads", answering(goodAnswer), func(o *Options) { o.Threads, o.Pipeline = 2, 3 }},
		{"open loop", answering(goodAnswer), func(o *Options) { o.Rate = "20000" }},
		{"open loop, constant, two threads", answering(goodAnswer), func(o *Options) { o.Rate, o.Arrivals, o.Threads = "20000", ArrivalsConstant, 2 }},
		{"ramp", answering(goodAnswer), func(o *Options) { o.Rate = "1000..20000/100ms" }},
		{"open loop above what the server can do", slowly(200 * time.Microsecond), func(o *Options) { o.Rate, o.Connections, o.Timeout = "50000", 2, time.Minute }},
		{"think time", answering(goodAnswer), func(o *Options) { o.Think, o.Connections = 500*time.Microsecond, 8 }},
		{"think time and pipeline", answering(goodAnswer), func(o *Options) { o.Think, o.Pipeline = 500*time.Microsecond, 4 }},
		{"answers a byte at a time", byteByByte, func(o *Options) { o.Pipeline = 4 }},
		{"answers with descriptors", withDescriptors, func(o *Options) { o.Connections, o.Pipeline, o.Timeout = 3, 8, time.Second }},
		{"the same in batches", withDescriptors, func(o *Options) { o.Connections, o.Batch, o.Pipeline, o.Timeout = 3, true, 8, time.Second }},
		{"frames of 1 MiB", answering(goodAnswer), func(o *Options) { o.Payload, o.Requests = "1MiB", 40 }},
		{"answers of 1 MiB", answering(wire.IPC{}.Encode(nil, wire.Request{Type: wire.ResponseOK, Payload: make([]byte, 1<<20)})),
			func(o *Options) { o.Requests = 40 }},
		{"mix", answering(goodAnswer), func(o *Options) { o.Mix, o.Pipeline = "70% 0x01 256B, 20% 0x02 {\"n\":{{seq}}}, 10% ping", 5 }},
		{"mix on two threads", answering(goodAnswer), func(o *Options) { o.Mix, o.Threads = "70% 0x01 256B, 30% 4KiB", 2 }},
		{"mix in an open loop", answering(goodAnswer), func(o *Options) { o.Mix, o.Rate = "50% 64, 50% ping", "20000" }},
		{"mix of frames that no socket takes at once", answering(goodAnswer), func(o *Options) {
			o.Mix, o.Pipeline, o.Requests = "40% 1MiB, 30% 100KiB, 30% {\"n\":{{seq}},\"s\":\"{{string 300000}}\"}", 16, 60
		}},
		{"the same in an open loop", answering(goodAnswer), func(o *Options) {
			o.Mix, o.Rate, o.Requests = "40% 1MiB, 30% 100KiB, 30% {\"n\":{{seq}},\"s\":\"{{string 300000}}\"}", "50000", 60
		}},
		{"template and think time", answering(goodAnswer), func(o *Options) {
			o.Payload, o.Think, o.Pipeline = `{"n":{{seq}}}`, 100*time.Microsecond, 3
		}},
		{"empty payload", answering(goodAnswer), func(o *Options) { o.Payload, o.Type = "0", wire.Ping }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, tt.serve)
			o := testOptions(s)
			o.Requests = 2000
			tt.shape(&o)
			sum, err := Run(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			if sum.Partial {
				t.Errorf("partial: %s", sum.EndedBy)
			}
			all := o.Requests + 1 // with the probe
			if c := sum.Totals.Counts; c.Sent != all || c.OK != all || c.Failed() != 0 || c.Censored != 0 {
				t.Errorf("totals are %+v, want %d sent and answered", c, all)
			}
			if c := sum.Slice.Counts(); c.OK != o.Requests {
				t.Errorf("the slice's intervals have %d answers, want %d", c.OK, o.Requests)
			}
			n := int64(0)
			for _, v := range sum.Slice.Intervals {
				n += v.ResponseTime.Total()
				if v.RoundTrip.Total() != v.Counts.OK || v.SendLag.Total() != v.Counts.OK {
					t.Error("an interval's histograms differ in count")
				}
				// Threads begin a slice within a moment of one another.
				if v.End-v.Start > intervalNs*3/2 || v.End < v.Start {
					t.Errorf("an interval of %d ns", v.End-v.Start)
				}
			}
			if n != o.Requests {
				t.Errorf("the histograms have %d answers, want %d", n, o.Requests)
			}
			checkManners(t, s, o.Requests+1)
		})
	}
}

// checkManners: the server saw all requests whole, and nobody closed on it.
func checkManners(t *testing.T, s *testServer, requests int64) {
	t.Helper()
	s.stop()
	if n := s.requests.Load(); requests >= 0 && n != requests {
		t.Errorf("the server saw %d requests, want %d", n, requests)
	}
	if n := s.halves.Load(); n != 0 {
		t.Errorf("%d connections were closed within a frame", n)
	}
	if n := s.unread.Load(); n != 0 {
		t.Errorf("%d connections were closed before their answer", n)
	}
}

// TestServersThatCannotBeLoaded: each is told by its trouble and in one line.
func TestServersThatCannotBeLoaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := startServer(t, closing)
	gone.listener.(*net.UnixListener).SetUnlinkOnClose(false)
	gone.stop()
	datagram, err := net.ListenPacket("unixgram", filepath.Join(filepath.Dir(gone.path), "dgram"))
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	path := func(p string) func(*testing.T) string { return func(*testing.T) string { return p } }
	served := func(f func(*testServer, net.Conn, *bufio.Reader) error) func(*testing.T) string {
		return func(t *testing.T) string { return startServer(t, f).path }
	}
	tests := []struct {
		name   string
		socket func(*testing.T) string
		want   Trouble
		says   string
	}{
		{"no such path", path(file + "-missing"), NoSocket, "no such socket"},
		{"a file on the way", path(file + "/s"), NoSocket, "no such socket"},
		{"not a socket", path(file), NotASocket, "no socket"},
		{"nobody listens", path(gone.path), Refused, "nobody listens"},
		{"a datagram socket that is not read", path(datagram.LocalAddr().String()), Silent, "did not answer"},
		{"closes at once", served(closing), ClosedAtOnce, "closed the connection"},
		{"answers garbage", served(answering([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))), Garbage, "--protocol"},
		{"answers twice", served(answering(append(goodAnswer[:len(goodAnswer):len(goodAnswer)], goodAnswer...))), Garbage, "more than it was asked"},
		{"never answers", served(silent), Silent, "did not answer"},
		{"closes within the answer", served(func(s *testServer, c net.Conn, in *bufio.Reader) error {
			if _, err := s.next(in); err != nil {
				return err
			}
			_, err := c.Write(goodAnswer[:5])
			return err
		}), ClosedAtOnce, "after 5 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Defaults()
			o.Socket, o.Timeout = tt.socket(t), 300*time.Millisecond
			g := spawnTest(t, o)
			conns, err := g.Ready()
			var trouble *TargetError
			if !errors.As(err, &trouble) {
				t.Fatalf("Ready: %v (%d connections), want a TargetError", err, len(conns))
			}
			if trouble.Trouble != tt.want || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q, want %s with %q", trouble.Trouble, err, tt.want, tt.says)
			}
		})
	}
}

func TestPermissionIsToldApart(t *testing.T) {
	kerneltest.Root(t) // to become somebody else
	s := startServer(t, answering(goodAnswer))
	if err := os.Chmod(s.path, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := copySelf(t, filepath.Dir(s.path))
	o := testOptions(s)
	g, err := Spawn(t.Context(), SpawnOptions{
		Executable: binary, Command: []string{}, Load: o, DropPrivileges: true, UID: 65534, GID: 65534,
		Env: append(os.Environ(), "IPCPROBE_TEST_CHILD=1"), Stderr: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	var trouble *TargetError
	if _, err := g.Ready(); !errors.As(err, &trouble) || trouble.Trouble != NotPermitted {
		t.Errorf("Ready: %v, want %s", err, NotPermitted)
	}
}

// copySelf puts this binary where everybody may execute it.
func copySelf(t *testing.T, dir string) string {
	t.Helper()
	body, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "child")
	if err := os.WriteFile(path, body, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestNoAllocationPerRequest counts this process's allocations during a load.
func TestNoAllocationPerRequest(t *testing.T) {
	for _, rate := range []string{"max", "50000"} {
		s := startServer(t, answering(goodAnswer))
		o := testOptions(s)
		o.Rate, o.Pipeline, o.Requests = rate, 8, 0
		g, err := Start(o, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if _, err := g.Ready(); err != nil {
			t.Fatal(err)
		}
		if err := g.Begin(results.Slice{Index: 0, Mode: results.Warmup}, false); err != nil {
			t.Fatal(err)
		}
		await := func(n int64) int64 {
			for from := s.requests.Load(); s.requests.Load() < from+n; {
				time.Sleep(5 * time.Millisecond)
			}
			return s.requests.Load()
		}
		await(1000)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		first := s.requests.Load()
		last := await(20_000)
		runtime.ReadMemStats(&after)
		each := float64(after.Mallocs-before.Mallocs) / float64(last-first)
		if each > 0.02 {
			t.Errorf("rate %s: %.3f allocations a request", rate, each)
		}
		if _, err := g.Stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestSmallSocketBuffers(t *testing.T) {
	s := startServer(t, func(s *testServer, c net.Conn, in *bufio.Reader) error {
		raw, err := c.(*net.UnixConn).SyscallConn()
		if err != nil {
			return err
		}
		if err := raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
		}); err != nil {
			return err
		}
		return answering(wire.IPC{}.Encode(nil, wire.Request{Type: wire.ResponseOK, Payload: make([]byte, 100_000)}))(s, c, in)
	})
	o := testOptions(s)
	o.Requests, o.Payload, o.Pipeline = 60, "200KiB", 3
	sum, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := sum.Totals.Counts; c.OK != 61 || c.Sent != 61 {
		t.Errorf("counts %+v, want 61 answers", c)
	}
	checkManners(t, s, 61)
}
