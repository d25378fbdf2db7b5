// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// patience is how long a test waits for a gateway before it calls it stuck.
const patience = 20 * time.Second

// conn is a client's end of a connection to the gateway under test.
type conn struct {
	tb  testing.TB
	c   *net.UnixConn
	buf []byte // received and not yet taken
}

func dial(tb testing.TB, socket string) *conn {
	tb.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	tb.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &conn{tb: tb, c: c}
}

// frame encodes one request.
func frame(kind byte, payload string) []byte {
	return wire.IPC{}.Encode(nil, wire.Request{Type: kind, Payload: []byte(payload)})
}

func (c *conn) send(b []byte) {
	c.tb.Helper()
	if _, err := c.c.Write(b); err != nil {
		c.tb.Fatalf("send %d bytes: %v", len(b), err)
	}
}

// answer is one whole answer: the bytes of all its frames.
type answer struct {
	bytes []byte
	step  wire.Step // the one that ended it
	parts int
}

func (a answer) payload() []byte { return a.bytes[wire.IPCHeader:] }

// next reads one answer with the codec under test.
func (c *conn) next() (answer, error) {
	var a answer
	var at wire.Cursor
	for {
		s, err := wire.IPC{}.Next(c.buf, &at)
		if err != nil {
			return a, err
		}
		if s.N > 0 {
			a.bytes = append(a.bytes, c.buf[:s.N]...)
			c.buf = c.buf[s.N:]
			a.parts++
			if s.End {
				a.step = s
				return a, nil
			}
			continue
		}
		more := make([]byte, wire.HeadMax)
		n, err := c.c.Read(more)
		c.buf = append(c.buf, more[:n]...)
		if err != nil {
			if err == io.EOF && len(a.bytes)+len(c.buf) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return a, err
		}
	}
}

// want reads one answer that has to be of one of the kinds.
func (c *conn) want(kinds ...byte) answer {
	c.tb.Helper()
	a, err := c.next()
	if err != nil {
		c.tb.Fatalf("read an answer of type %#x: %v", kinds, err)
	}
	for _, k := range kinds {
		if a.step.Code == uint16(k) {
			return a
		}
	}
	c.tb.Fatalf("answer is %s, want a type of %#x", wire.IPC{}.Detail(a.bytes, a.step), kinds)
	return a
}

// wantClosed fails unless the gateway has closed the connection after all it sent.
func (c *conn) wantClosed() {
	c.tb.Helper()
	a, err := c.next()
	switch {
	case err == nil:
		c.tb.Fatalf("got %s, want the connection to be closed", wire.IPC{}.Detail(a.bytes, a.step))
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.tb.Fatal("the gateway did not close the connection")
	case err != io.EOF && !errors.Is(err, syscall.ECONNRESET):
		c.tb.Fatalf("read until the end: %v", err)
	}
}
