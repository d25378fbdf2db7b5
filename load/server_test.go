// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// testServer is a server of the ipc protocol that misbehaves on request. It
// counts what a load generator must never do.
type testServer struct {
	path     string
	listener net.Listener
	requests atomic.Int64
	halves   atomic.Int64 // connections that ended within a frame
	unread   atomic.Int64 // answers written to a connection that was closed
	opened   atomic.Int64
	serve    func(s *testServer, c net.Conn, in *bufio.Reader) error
	mu       sync.Mutex
	conns    map[net.Conn]bool
	wait     sync.WaitGroup
}

// startServer serves each connection with serve until the test's end.
func startServer(t *testing.T, serve func(*testServer, net.Conn, *bufio.Reader) error) *testServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "load") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &testServer{path: filepath.Join(dir, "s"), serve: serve, conns: map[net.Conn]bool{}}
	if s.listener, err = net.Listen("unix", s.path); err != nil {
		t.Fatal(err)
	}
	s.wait.Go(s.accept)
	t.Cleanup(func() {
		s.stop()
		os.RemoveAll(dir)
	})
	return s
}

func (s *testServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.opened.Add(1)
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.wait.Go(func() {
			defer c.Close()
			err := s.serve(s, c, bufio.NewReader(c))
			var op *net.OpError
			switch {
			case errors.Is(err, io.ErrUnexpectedEOF):
				s.halves.Add(1)
			case errors.As(err, &op) && op.Op == "write" && !errors.Is(err, net.ErrClosed):
				s.unread.Add(1)
			}
		})
	}
}

// stop ends the server, and all connections.
func (s *testServer) stop() {
	s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// next reads one request and returns its payload's length.
func (s *testServer) next(in *bufio.Reader) (int, error) {
	head, err := in.Peek(wire.IPCHeader)
	if err != nil {
		if len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	n := int(binary.BigEndian.Uint32(head))
	if _, err := in.Discard(n); err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	s.requests.Add(1)
	return n - wire.IPCHeader, nil
}

var (
	goodAnswer  = wire.IPC{}.Encode(nil, wire.Request{Type: wire.ResponseOK, Payload: []byte(`{"ok":true}`)})
	errorAnswer = wire.IPC{}.Encode(nil, wire.Request{Type: wire.ResponseError,
		Payload: []byte(`{"ok":false,"error":{"code":5,"message":"upstream timed out"}}`)})
)

// answering answers every request with answer.
func answering(answer []byte) func(*testServer, net.Conn, *bufio.Reader) error {
	return func(s *testServer, c net.Conn, in *bufio.Reader) error {
		for {
			if _, err := s.next(in); err != nil {
				return err
			}
			if _, err := c.Write(answer); err != nil {
				return err
			}
		}
	}
}

// byteByByte answers each request one byte at a time.
func byteByByte(s *testServer, c net.Conn, in *bufio.Reader) error {
	for {
		if _, err := s.next(in); err != nil {
			return err
		}
		for i := range goodAnswer {
			if _, err := c.Write(goodAnswer[i : i+1]); err != nil {
				return err
			}
		}
	}
}

// firstGood answers n requests well and the others as after does.
func firstGood(n int64, after func(*testServer, net.Conn, *bufio.Reader) error) func(*testServer, net.Conn, *bufio.Reader) error {
	return func(s *testServer, c net.Conn, in *bufio.Reader) error {
		for s.requests.Load() < n {
			if _, err := s.next(in); err != nil {
				return err
			}
			if _, err := c.Write(goodAnswer); err != nil {
				return err
			}
		}
		return after(s, c, in)
	}
}

// silent takes requests and says nothing.
func silent(s *testServer, c net.Conn, in *bufio.Reader) error {
	for {
		if _, err := s.next(in); err != nil {
			return err
		}
	}
}

// slowly waits before each answer.
func slowly(d time.Duration) func(*testServer, net.Conn, *bufio.Reader) error {
	return func(s *testServer, c net.Conn, in *bufio.Reader) error {
		for {
			if _, err := s.next(in); err != nil {
				return err
			}
			time.Sleep(d)
			if _, err := c.Write(goodAnswer); err != nil {
				return err
			}
		}
	}
}

// withDescriptors sends a descriptor along with each answer: each ends a read, though
// the next is there.
func withDescriptors(s *testServer, c net.Conn, in *bufio.Reader) error {
	rights := unix.UnixRights(int(os.Stdin.Fd()))
	for {
		var owed int
		for ; owed == 0 || in.Buffered() > 0; owed++ {
			if _, err := s.next(in); err != nil {
				return err
			}
		}
		for range owed {
			if _, _, err := c.(*net.UnixConn).WriteMsgUnix(goodAnswer, rights, nil); err != nil {
				return err
			}
		}
	}
}

// closing closes at once.
func closing(*testServer, net.Conn, *bufio.Reader) error { return nil }

// testOptions is a short load of s.
func testOptions(s *testServer) Options {
	o := Defaults()
	o.Socket, o.Timeout, o.Warmup = s.path, 2*time.Second, 0
	o.Duration = 10 * time.Second // tests end by --requests
	return o
}
