// SPDX-License-Identifier: Apache-2.0

//go:build unix

package peer

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// start runs one of the C peers on a socket of the test's own.
func start(t *testing.T, name string, args ...string) (*Process, string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	return Start(t, "ready", Build(t, name), append(args, "--socket", socket)...), socket
}

// ask runs the plain client to its end and returns its exit code and output.
func ask(t *testing.T, socket string, args ...string) (int, string) {
	t.Helper()
	p := Launch(t, Build(t, "plainclient"), append(args, "--socket", socket)...)
	return p.Wait(30 * time.Second), p.Output()
}

func TestPlainClientCountsWhatItSends(t *testing.T) {
	_, socket := start(t, "stampserver")
	for _, args := range [][]string{
		{"--requests", "1009"},
		{"--requests", "1009", "--connections", "5", "--pipeline", "7", "--payload", "1000"},
		{"--requests", "1009", "--type", "0x04"},
		{"--requests", "1009", "--payload", "0", "--type", "0xf0"},
		{"--requests", "3", "--payload", "4194298", "--pipeline", "2"},
	} {
		code, out := ask(t, socket, args...)
		var got struct{ Sent, Counted, Errors, P50_ns, P99_ns, Max_ns uint64 }
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
			t.Fatalf("%v: exit code %d, %v: %s", args, code, err, out)
		}
		if got.Sent != got.Counted || got.Errors != 0 || (got.Sent != 1009 && got.Sent != 3) {
			t.Errorf("%v: %s", args, out)
		}
		if got.P50_ns == 0 || got.P50_ns > got.P99_ns || got.P99_ns > got.Max_ns+got.Max_ns/128 {
			t.Errorf("%v: the percentiles are out of order: %s", args, out)
		}
	}
}

func TestPlainClientCountsErrors(t *testing.T) {
	_, socket := start(t, "naughty", "--mode", "error")
	code, out := ask(t, socket, "--requests", "10")
	if code != 1 || !strings.Contains(out, `"errors":10`) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestNaughtyModesDoWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		mode string
		say  string
		code int
	}{
		{"close", "", 2}, // the send fails, or
		{"garbage", "no frame", 1},
		{"half", "closed", 1},
		{"drip", `"counted":100,`, 0},
		{"chatty", `"counted":100,`, 0},
		{"strict", `"counted":100,`, 0},
		{"fragile", `"counted":100,`, 0},
		{"two", `"counted":100,`, 0},
	} {
		t.Run(c.mode, func(t *testing.T) {
			p, socket := start(t, "naughty", "--mode", c.mode)
			code, out := ask(t, socket, "--requests", "100")
			if c.mode == "close" && code == 1 {
				code = 2 // or the receive does
			}
			if code != c.code || !strings.Contains(out, c.say) {
				t.Errorf("exit code %d: %s", code, out)
			}
			if code := p.Stop(); code != 0 {
				t.Errorf("it ends with %d", code)
			}
			if c.mode == "chatty" && strings.Count(p.Output(), "request ") != 100 {
				t.Errorf("it printed %q", p.Output())
			}
		})
	}
}

func TestNaughtyExitsAtARequest(t *testing.T) {
	p, socket := start(t, "naughty", "--mode", "exit", "--at", "50")
	if code, out := ask(t, socket, "--requests", "100"); code == 0 {
		t.Errorf("the client noticed nothing: %s", out)
	}
	if code := p.Wait(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestFragileServersDieOfAClientThatLeaves(t *testing.T) {
	frame := []byte{0, 0, 0, 6, 1, 0xf0}
	for _, name := range []string{"naughty", "foreign"} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			args, ready := []string{socket}, "[gw] listening"
			if name == "naughty" {
				args, ready = []string{"--mode", "fragile", "--delay-us", "20000", "--socket", socket}, "ready"
			}
			p := Start(t, ready, Build(t, name), args...)
			for start := time.Now(); p.Alive() && time.Since(start) < 20*time.Second; {
				c, err := net.Dial("unix", socket)
				if err != nil {
					break
				}
				_, _ = c.Write(frame)
				c.Close()
			}
			if code := p.Wait(10 * time.Second); code != 128+int(syscall.SIGPIPE) {
				t.Errorf("exit code %d, want death by SIGPIPE", code)
			}
		})
	}
}

func TestStrictServerTellsAHalfFrame(t *testing.T) {
	p, socket := start(t, "naughty", "--mode", "strict")
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write([]byte{0, 0, 0, 9, 1, 0xf0, '{'})
	c.Close()
	if code := p.Wait(10 * time.Second); code != 3 {
		t.Errorf("exit code %d, want 3:\n%s", code, p.Output())
	}
}

func TestPlainClientSendsTheGeneratorsPayload(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, kind := range []byte{wire.TaskSubmit, wire.TaskQuery, wire.TaskCancel, wire.StreamSubscribe, wire.Ping} {
		for _, size := range []int{0, 1, 2, 7, 8, 12, 20, 40, 57, 64, 90, 256, 1024} {
			p := Launch(t, Build(t, "plainclient"), "--socket", socket, "--requests", "1",
				"--type", strconv.Itoa(int(kind)), "--payload", strconv.Itoa(size))
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, wire.IPCHeader+size)
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.ReadFull(c, got); err != nil {
				t.Fatalf("type %#x, %d bytes: %v", kind, size, err)
			}
			want := wire.IPC{}.Encode(nil, wire.Request{Type: kind, Payload: wire.Payload(kind, size)})
			if !bytes.Equal(got, want) {
				t.Errorf("type %#x, %d bytes: got %q, want %q", kind, size, got, want)
			}
			_, _ = c.Write(wire.IPC{}.Encode(nil, wire.Request{Type: wire.ResponseOK}))
			if code := p.Wait(20 * time.Second); code != 0 {
				t.Fatalf("exit code %d: %s", code, p.Output())
			}
			c.Close()
		}
	}
}
