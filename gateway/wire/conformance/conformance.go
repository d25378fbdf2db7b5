// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// Gateway is the gateway under test and what it is known to do its own way.
type Gateway struct {
	// Socket is the path on which it listens.
	Socket string
	// Clients is how many connections it keeps; one more is closed at once. 0: 64.
	Clients int
	// Echo: a submit is answered with its own payload.
	Echo bool
	// Pong is the type of the answer to a ping. 0: wire.Pong.
	Pong byte
	// Lenient: payloads are not parsed as JSON, or only superficially.
	Lenient bool
	// Careless: the gateway does not survive a client that closes while an answer
	// is under way; the cases that do so are left out.
	Careless bool
	// Alive, when set, is asked at the end of every case.
	Alive func() bool
}

// Run runs every case that applies to the gateway as a subtest.
func Run(t *testing.T, g Gateway) {
	if g.Clients == 0 {
		g.Clients = 64
	}
	if g.Pong == 0 {
		g.Pong = wire.Pong
	}
	cases := []struct {
		name  string
		run   func(*testing.T, Gateway)
		spare bool
	}{
		{"every type is answered", everyType, false},
		{"a stream ends with complete", stream, false},
		{"an empty payload is a request", emptyPayload, false},
		{"a payload that is no JSON is an error", notJSON, g.Lenient},
		{"a bad header is answered with an error and closed", badHeader, false},
		{"an answer sent as a request is an error", noRequest, false},
		{"answers keep the order of requests", order, !g.Echo},
		{"many frames in one write", oneWrite, false},
		{"a frame a byte at a time", byteAtATime, false},
		{"the largest frame both ways", largest, !g.Echo},
		{"every client has its place and one more is closed", clients, false},
		{"half a frame, then close", halfFrame, false},
		{"a client that stops writing gets its answers", halfClose, false},
		{"a client that does not read holds up nobody", notReading, g.Careless},
		{"closing while answers are under way", closing, g.Careless},
	}
	for _, c := range cases {
		if c.spare {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			c.run(t, g)
			if g.Alive != nil && !g.Alive() {
				t.Fatal("the gateway has died")
			}
		})
	}
	if g.Alive != nil {
		ping(t, g, dial(t, g.Socket))
	}
}

// ping asks and gets the answer that this gateway gives.
func ping(t *testing.T, g Gateway, c *conn) {
	t.Helper()
	c.send(frame(wire.Ping, "{}"))
	c.want(g.Pong)
}

func everyType(t *testing.T, g Gateway) {
	c := dial(t, g.Socket)
	for kind, want := range map[byte][]byte{
		wire.TaskSubmit:      {wire.ResponseOK},
		wire.TaskQuery:       {wire.ResponseOK},
		wire.TaskCancel:      {wire.ResponseOK},
		wire.StreamSubscribe: {wire.StreamComplete},
		wire.Ping:            {g.Pong},
		wire.Capabilities:    {wire.Capabilities, wire.ResponseOK},
	} {
		c.send(frame(kind, string(wire.Payload(kind, 200))))
		if a := c.want(want...); !a.step.OK {
			t.Errorf("type 0x%02x: the answer counts as an error", kind)
		}
	}
}

func stream(t *testing.T, g Gateway) {
	c := dial(t, g.Socket)
	c.send(append(frame(wire.StreamSubscribe, `{"stream":"s"}`), frame(wire.Ping, "{}")...))
	a := c.want(wire.StreamComplete)
	if a.parts < 2 || a.bytes[5] != wire.StreamData {
		t.Errorf("the stream has %d frames, the first of type 0x%02x: want data before complete", a.parts, a.bytes[5])
	}
	c.want(g.Pong)
}

func emptyPayload(t *testing.T, g Gateway) {
	c := dial(t, g.Socket)
	for _, kind := range []byte{wire.Ping, wire.TaskSubmit, wire.TaskQuery, wire.TaskCancel} {
		c.send(frame(kind, ""))
		c.want(g.Pong, wire.ResponseOK)
	}
}

// wantError checks the shape and the code of an error.
func wantError(t *testing.T, a answer, code int) {
	t.Helper()
	var body struct {
		OK    *bool
		Error struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(a.payload(), &body); err != nil {
		t.Fatalf("the error is no JSON: %v: %q", err, a.payload())
	}
	if body.OK == nil || *body.OK || body.Error.Message == "" || body.Error.Code != code {
		t.Fatalf("error %q, want code %d and a message", a.payload(), code)
	}
	if a.step.OK {
		t.Fatal("the error counts as a good answer")
	}
}

func notJSON(t *testing.T, g Gateway) {
	c := dial(t, g.Socket)
	for _, p := range []string{"x", "{", `{"a":}`, "{} {}", "\x00", "\"\xff\"", "   ", strings.Repeat("[", 100000)} {
		c.send(frame(wire.TaskSubmit, p))
		wantError(t, c.want(wire.ResponseError), wire.CodePayload)
	}
	c.send(frame(wire.StreamSubscribe, "x"))
	wantError(t, c.want(wire.StreamError, wire.ResponseError), wire.CodePayload)
	ping(t, g, c) // the frame was whole: the connection lives
}

func badHeader(t *testing.T, g Gateway) {
	header := func(size uint32, version, kind byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, size), version, kind)
	}
	for _, c := range []struct {
		name string
		head []byte
		code int
	}{
		{"version 0", header(6, 0, wire.Ping), wire.CodeVersion},
		{"version 2", header(6, 2, wire.Ping), wire.CodeVersion},
		{"type 0", header(6, 1, 0), wire.CodeType},
		{"type 0x42", header(6, 1, 0x42), wire.CodeType},
		{"one byte too large", header(wire.IPCMaxFrame+1, 1, wire.Ping), wire.CodeTooLarge},
		{"4 GiB", header(0xffffffff, 1, wire.Ping), wire.CodeTooLarge},
		{"shorter than the header", header(5, 1, wire.Ping), wire.CodePayload},
		{"length 0", header(0, 1, wire.Ping), wire.CodePayload},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := dial(t, g.Socket)
			// What came before the bad frame is answered, what comes after it is not.
			k.send(append(frame(wire.Ping, "{}"), append(c.head, frame(wire.Ping, "{}")...)...))
			k.want(g.Pong)
			wantError(t, k.want(wire.ResponseError), c.code)
			k.wantClosed()
		})
	}
}

func noRequest(t *testing.T, g Gateway) {
	for _, kind := range []byte{wire.StreamData, wire.StreamComplete, wire.StreamError,
		wire.ResponseOK, wire.ResponseError, wire.Pong} {
		c := dial(t, g.Socket)
		c.send(frame(kind, "{}"))
		wantError(t, c.want(wire.ResponseError), wire.CodeType)
	}
}

func order(t *testing.T, g Gateway) {
	const requests = 200
	c := dial(t, g.Socket)
	go func() {
		var b []byte
		for i := range requests {
			b = append(b, frame(wire.TaskSubmit, fmt.Sprintf(`{"n":%d}`, i))...)
		}
		_, _ = c.c.Write(b) // a failure shows in the answers
	}()
	for i := range requests {
		if got, want := string(c.want(wire.ResponseOK).payload()), fmt.Sprintf(`{"n":%d}`, i); got != want {
			t.Fatalf("answer %d is %s, want %s", i, got, want)
		}
	}
}

func oneWrite(t *testing.T, g Gateway) {
	const frames = 500
	c := dial(t, g.Socket)
	c.send(bytes.Repeat(frame(wire.Ping, `{"n":1}`), frames))
	for range frames {
		c.want(g.Pong)
	}
}

func byteAtATime(t *testing.T, g Gateway) {
	c := dial(t, g.Socket)
	for _, b := range append(frame(wire.TaskSubmit, `{"task_id":"slow"}`), frame(wire.Ping, "")...) {
		c.send([]byte{b})
	}
	c.want(wire.ResponseOK)
	c.want(g.Pong)
}

func largest(t *testing.T, g Gateway) {
	c := dial(t, g.Socket)
	payload := wire.Payload(wire.TaskSubmit, wire.IPCMaxPayload)
	for range 2 {
		go func() { _, _ = c.c.Write(frame(wire.TaskSubmit, string(payload))) }()
		if a := c.want(wire.ResponseOK); !bytes.Equal(a.payload(), payload) {
			t.Fatalf("the answer's %d bytes are not the request's", len(a.payload()))
		}
	}
}
