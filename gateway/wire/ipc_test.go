// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func ipcFrameOf(kind byte, payload string) string {
	return string(IPC{}.Encode(nil, Request{Type: kind, Payload: []byte(payload)}))
}

func TestIPCEncode(t *testing.T) {
	got := IPC{}.Encode([]byte("x"), Request{Type: TaskSubmit, Payload: []byte("{}")})
	want := []byte{'x', 0, 0, 0, 8, 1, 1, '{', '}'}
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if err := (IPC{}).Check(Request{Payload: make([]byte, IPCMaxPayload)}); err != nil {
		t.Errorf("the largest payload: %v", err)
	}
	if err := (IPC{}).Check(Request{Payload: make([]byte, IPCMaxPayload+1)}); err == nil {
		t.Error("one byte above the largest payload is accepted")
	}
}

func TestIPCAnswers(t *testing.T) {
	const failure = `{"ok":false,"error":{"code":3,"message":"too large"}}`
	large := strings.Repeat("x", IPCMaxPayload)
	for _, c := range []struct {
		name string
		data string
		want []outcome
	}{
		{"nothing", "", nil},
		{"ok", ipcFrameOf(ResponseOK, "{}"), []outcome{{8, true, false, ResponseOK}}},
		{"pong without payload", ipcFrameOf(Pong, ""), []outcome{{6, true, false, Pong}}},
		{"capabilities", ipcFrameOf(Capabilities, "{}"), []outcome{{8, true, false, Capabilities}}},
		{"error", ipcFrameOf(ResponseError, failure), []outcome{{6 + len(failure), false, false, ResponseError}}},
		{"stream error alone", ipcFrameOf(StreamError, ""), []outcome{{6, false, false, StreamError}}},
		{"a request sent back", ipcFrameOf(TaskSubmit, ""), []outcome{{6, false, false, TaskSubmit}}},
		{"a type that nobody knows", ipcFrameOf(0x42, ""), []outcome{{6, false, false, 0x42}}},
		{"three answers", ipcFrameOf(ResponseOK, "") + ipcFrameOf(ResponseError, "") + ipcFrameOf(Pong, "1"),
			[]outcome{{6, true, false, ResponseOK}, {6, false, false, ResponseError}, {7, true, false, Pong}}},
		{"a stream, then a pong", ipcFrameOf(StreamData, "1") + ipcFrameOf(StreamData, "") + ipcFrameOf(StreamComplete, "") + ipcFrameOf(Pong, ""),
			[]outcome{{19, true, false, StreamComplete}, {6, true, false, Pong}}},
		{"a stream that fails", ipcFrameOf(StreamData, "1") + ipcFrameOf(StreamError, "1"), []outcome{{14, false, false, StreamError}}},
		{"an error ends a stream", ipcFrameOf(StreamData, "1") + ipcFrameOf(ResponseError, "1"), []outcome{{14, false, false, ResponseError}}},
		{"a stream of large frames", ipcFrameOf(StreamData, large[:5000]) + ipcFrameOf(StreamData, large[:9000]) + ipcFrameOf(StreamComplete, large[:4090]),
			[]outcome{{5000 + 9000 + 4090 + 18, true, false, StreamComplete}}},
		{"largest", ipcFrameOf(ResponseOK, large) + ipcFrameOf(Pong, ""), []outcome{{IPCMaxFrame, true, false, ResponseOK}, {6, true, false, Pong}}},
		{"cut off", ipcFrameOf(Pong, "") + ipcFrameOf(ResponseOK, "{}")[:7], []outcome{{6, true, false, Pong}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := sameInAnyDivision(t, IPC{}, []byte(c.data))
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestIPCBadFrames(t *testing.T) {
	for name, data := range map[string]string{
		"length below the header":  "\x00\x00\x00\x05\x01\x10",
		"length 0":                 "\x00\x00\x00\x00",
		"length above 4 MiB":       "\x00\x40\x00\x01",
		"text":                     "HTTP/1.1 400 Bad Request\r\n\r\n",
		"version 2":                "\x00\x00\x00\x06\x02",
		"an ok inside a stream":    ipcFrameOf(StreamData, "") + ipcFrameOf(ResponseOK, ""),
		"a pong inside a stream":   ipcFrameOf(StreamData, "") + ipcFrameOf(Pong, ""),
		"garbage after an answer":  ipcFrameOf(Pong, "") + "zzzz",
		"garbage after large data": ipcFrameOf(StreamData, strings.Repeat("x", 10000)) + "zzzz",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := read(t, IPC{}, []byte(data), HeadMax); err == nil {
				t.Error("no error")
			}
			sameInAnyDivision(t, IPC{}, []byte(data))
		})
	}
}

func TestIPCDetail(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{ipcFrameOf(ResponseOK, "{}"), "response OK"},
		{ipcFrameOf(Pong, ""), "pong"},
		{ipcFrameOf(ResponseError, `{"ok":false,"error":{"code":5,"message":"no\nanswer"}}`), "response error 5: no answer"},
		{ipcFrameOf(StreamError, `{"error":{"code":4,"message":"m"}}`), "stream error 4: m"},
		{ipcFrameOf(ResponseError, "garbage"), "response error"},
		{ipcFrameOf(ResponseError, ""), "response error"},
		{ipcFrameOf(0x42, ""), "answer of type 0x42, which is no answer"},
	} {
		if got := explain(t, IPC{}, []byte(c.data)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.data, got, c.want)
		}
	}
	long := ipcFrameOf(ResponseError, `{"error":{"code":4,"message":"`+strings.Repeat("é", 1000)+`"}}`)
	if got := explain(t, IPC{}, []byte(long)); len(got) > 230 || !strings.HasSuffix(got, "…") {
		t.Errorf("a long message becomes %q", got)
	}
}

func TestIPCAllocatesNothing(t *testing.T) {
	data := ipcFrameOf(ResponseOK, "{}") + ipcFrameOf(ResponseError, "{}") + ipcFrameOf(StreamData, "") + ipcFrameOf(StreamComplete, "")
	testAllocs(t, IPC{}, []byte(data), Request{Type: Ping, Payload: []byte("{}")})
}

func FuzzIPC(f *testing.F) {
	f.Add([]byte(ipcFrameOf(ResponseOK, "{}") + ipcFrameOf(Pong, "")))
	f.Add([]byte(ipcFrameOf(StreamData, "1") + ipcFrameOf(StreamComplete, "")))
	f.Add([]byte(ipcFrameOf(ResponseError, `{"ok":false,"error":{"code":1,"message":"x"}}`)))
	f.Add([]byte(ipcFrameOf(StreamData, strings.Repeat("y", 5000)) + ipcFrameOf(StreamError, "")))
	f.Add([]byte("\x00\x40\x00\x00\x01\x10"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sameInAnyDivision(t, IPC{}, data)
		explain(t, IPC{}, data)
	})
}

// FuzzIPCRequest checks that what is encoded is one whole frame.
func FuzzIPCRequest(f *testing.F) {
	f.Add(byte(ResponseOK), []byte("{}"))
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		if (IPC{}).Check(Request{kind, payload}) != nil {
			return
		}
		b := IPC{}.Encode(nil, Request{kind, payload})
		if kind == StreamData {
			b = IPC{}.Encode(b, Request{Type: StreamComplete})
		}
		got, rest, err := read(t, IPC{}, b, HeadMax)
		if err != nil || rest != 0 || len(got) != 1 || got[0].bytes != len(b) {
			t.Fatalf("%d bytes are read as %+v, %d left, %v", len(b), got, rest, err)
		}
	})
}
