// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// backlogOf makes the listener's queue of waiting connections shorter.
func backlogOf(t *testing.T, s *testServer, n int) {
	t.Helper()
	raw, err := s.listener.(*net.UnixListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), n) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// openFiles has this process, and those it starts, open so many files; it skips
// where that needs rights that the test lacks.
func openFiles(t *testing.T, n uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if old.Cur >= n {
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: max(n, old.Max)}); err != nil {
		kerneltest.Skip(t, fmt.Sprintf("needs %d open files of the hard limit %d: %v", n, old.Max, err))
	}
}

// TestTenThousandConnections: they are opened no faster than the server takes them,
// whose queue holds 16, and each of them is used.
func TestTenThousandConnections(t *testing.T) {
	const connections = 10_000
	openFiles(t, connections+256)
	for _, rate := range []string{"max", "20000"} {
		t.Run("rate "+rate, func(t *testing.T) {
			s := startServer(t, answering(goodAnswer))
			backlogOf(t, s, 16)
			o := testOptions(s)
			o.Connections, o.Requests, o.Rate = connections, 3*connections, rate
			o.Duration, o.Timeout = time.Minute, 30*time.Second
			sum := runChild(t, o)
			if sum.Partial {
				t.Errorf("ended by %s", sum.EndedBy)
			}
			all := o.Requests + 1 // with the one that the server was tried with
			if c := sum.Totals.Counts; c.Sent != all || c.OK != all {
				t.Errorf("counts %+v, want %d sent and answered", c, all)
			}
			if n := s.opened.Load(); n != connections || sum.Totals.Reconnects != 0 || len(sum.Totals.Endings) != 0 {
				t.Errorf("%d connections were opened, %d again, %v", n, sum.Totals.Reconnects, sum.Totals.Endings)
			}
			checkManners(t, s, all)
		})
	}
}

// TestTooManyConnectionsAreRefusedInWords: the limit of open files is told before
// anything is sent.
func TestTooManyConnectionsAreRefusedInWords(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max >= MaxConnections+64 {
		return // no load that Check lets through is above it
	}
	s := startServer(t, answering(goodAnswer))
	o := testOptions(s)
	o.Connections = int(limit.Max)
	_, err := RunChild(t.Context(), SpawnOptions{
		Executable: os.Args[0], Command: []string{}, Load: o,
		Env: append(os.Environ(), "IPCPROBE_TEST_CHILD=1"), Stderr: os.Stderr,
	}, nil)
	if err == nil || s.requests.Load() != 0 {
		t.Errorf("%d connections of %d files: %v, %d requests were sent", o.Connections, limit.Max, err, s.requests.Load())
	}
}

// sendBuffer makes the server's side of c take n bytes at most (the kernel doubles
// it and takes its own part).
func sendBuffer(c net.Conn, n int) error {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, n) })
	if err == nil {
		err = failed
	}
	return err
}

// TestTheLargestFramesInSmallPieces: frames of 4 MiB, the most that the protocol
// allows, in both directions; answers that come a byte at a time; a socket buffer of
// 4 KiB. Every answer is taken, and every byte of it.
func TestTheLargestFramesInSmallPieces(t *testing.T) {
	const most = 4 << 20
	largest := wire.IPC{}.Encode(nil, wire.Request{Type: wire.ResponseOK, Payload: make([]byte, most-wire.IPCHeader)})
	page := wire.IPC{}.Encode(nil, wire.Request{Type: wire.ResponseOK, Payload: make([]byte, 4000)})
	pieces := func(answer []byte, size int) func(*testServer, net.Conn, *bufio.Reader) error {
		return func(s *testServer, c net.Conn, in *bufio.Reader) error {
			if err := sendBuffer(c, 4096); err != nil {
				return err
			}
			for {
				if _, err := s.next(in); err != nil {
					return err
				}
				for at := 0; at < len(answer); at += size {
					if _, err := c.Write(answer[at:min(at+size, len(answer))]); err != nil {
						return err
					}
				}
			}
		}
	}
	for _, tt := range []struct {
		name   string
		answer []byte
		size   int // of a write
		shape  func(*Options)
	}{
		{"4 MiB both ways", largest, most, func(o *Options) {}},
		{"4 MiB both ways, pipelined", largest, most, func(o *Options) { o.Pipeline = 4 }},
		{"4 MiB both ways, in an open loop", largest, most, func(o *Options) { o.Rate = "200" }},
		{"4 MiB back in odd pieces", largest, 4099, func(o *Options) { o.Payload = "64" }},
		{"4 MiB out, a byte at a time back", goodAnswer, 1, func(o *Options) { o.Pipeline = 2 }},
		{"4 KiB a byte at a time", page, 1, func(o *Options) { o.Payload, o.Pipeline = "4KiB", 3 }},
		{"4 MiB of two kinds", largest, most, func(o *Options) {
			o.Payload, o.Mix = Defaults().Payload, fmt.Sprintf("50%% 0x01 %d, 50%% 64", most-wire.IPCHeader)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, pieces(tt.answer, tt.size))
			o := testOptions(s)
			o.Requests, o.Payload, o.Timeout, o.Duration = 24, fmt.Sprint(most-wire.IPCHeader), time.Minute, time.Minute
			tt.shape(&o)
			sum, err := Run(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c := sum.Totals.Counts; c.OK != 25 || c.Sent != 25 {
				t.Errorf("counts %+v, want 25 answers", c)
			}
			if in, want := measured(&sum).BytesIn, int64(24*len(tt.answer)); in != want {
				t.Errorf("%d bytes of answers were taken, want %d", in, want)
			}
			checkManners(t, s, 25)
		})
	}
}
