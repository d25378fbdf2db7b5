// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// clients fills every place, checks that one more is turned away at once, and
// that a place which becomes free is given again.
func clients(t *testing.T, g Gateway) {
	conns := make([]*conn, g.Clients)
	for i := range conns {
		conns[i] = settle(t, g)
	}
	dial(t, g.Socket).wantClosed()
	for _, c := range conns {
		ping(t, g, c)
	}
	conns[0].c.Close()
	ping(t, g, settle(t, g))
	for _, c := range conns {
		c.c.Close()
	}
}

// settle returns a connection that the gateway has accepted for good. Connections
// closed a moment ago may still hold their places: it tries again until they do not.
func settle(t *testing.T, g Gateway) *conn {
	t.Helper()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(time.Millisecond) {
		c := dial(t, g.Socket)
		if _, err := c.c.Write(frame(wire.Ping, "{}")); err != nil {
			continue
		}
		if a, err := c.next(); err == nil && a.step.Code == uint16(g.Pong) {
			return c
		}
		c.c.Close()
	}
	t.Fatal("the gateway gives no free place away")
	return nil
}

func halfFrame(t *testing.T, g Gateway) {
	whole := frame(wire.TaskSubmit, `{"task_id":"half"}`)
	for _, n := range []int{1, 4, 5, 6, len(whole) - 1} {
		c := dial(t, g.Socket)
		c.send(whole[:n])
		c.c.Close()
	}
	ping(t, g, settle(t, g))
}

func halfClose(t *testing.T, g Gateway) {
	const frames = 50
	c := dial(t, g.Socket)
	c.send(bytes.Repeat(frame(wire.TaskSubmit, `{"task_id":"last"}`), frames))
	if err := c.c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for range frames {
		c.want(wire.ResponseOK)
	}
	c.wantClosed()
}

// notReading lets one client send far more than the socket buffers hold without
// reading an answer. Others must be served meanwhile; once it reads, it must find
// every answer, whole and in order.
func notReading(t *testing.T, g Gateway) {
	const frames, size = 400, 16 << 10
	stuck := dial(t, g.Socket)
	payload := wire.Payload(wire.TaskSubmit, size)
	sent := make(chan error, 1)
	go func() {
		_, err := stuck.c.Write(bytes.Repeat(frame(wire.TaskSubmit, string(payload)), frames))
		sent <- err
	}()
	other := dial(t, g.Socket)
	for range 200 {
		ping(t, g, other)
	}
	for i := range frames {
		if a := stuck.want(wire.ResponseOK); g.Echo && !bytes.Equal(a.payload(), payload) {
			t.Fatalf("answer %d is not the request", i)
		}
	}
	if err := <-sent; err != nil {
		t.Fatalf("send: %v", err)
	}
}

// closing leaves in the middle of answers, of all kinds, at many moments.
func closing(t *testing.T, g Gateway) {
	payload := string(wire.Payload(wire.TaskSubmit, 32<<10))
	for i := range 60 {
		c := settle(t, g)
		var b []byte
		for range 1 + i%20 {
			b = append(b, frame(wire.TaskSubmit, payload)...)
			b = append(b, frame(wire.StreamSubscribe, `{"count":1000}`)...)
		}
		_ = c.c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = c.c.Write(b) // the gateway stops reading while we do not read
		if i%3 == 0 {
			_, _ = c.c.Read(make([]byte, 1000))
		}
		c.c.Close()
	}
	ping(t, g, settle(t, g))
}
