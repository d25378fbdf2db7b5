// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// TestWhatNATSFailsAtBecomesAnError runs the gateway before workers that fail.
func TestWhatNATSFailsAtBecomesAnError(t *testing.T) {
	for _, build := range []string{"v1", "v2"} {
		t.Run(build, func(t *testing.T) { spoiled(t, peer.Reference(t, build)) })
	}
}

func spoiled(t *testing.T, program string) {
	for _, c := range []struct {
		name      string
		spoil     func(*testing.T, *upstream)
		want      string
		published string
	}{
		{"no worker", func(t *testing.T, u *upstream) { u.conn.Close() }, `"code":6`, "1"},
		{"a worker that never answers", func(t *testing.T, u *upstream) {
			u.conn.Close()
			replace(t, u, func(*nats.Msg) {})
		}, `"code":5`, "1"},
		{"an answer that fits no frame", func(t *testing.T, u *upstream) {
			u.conn.Close()
			replace(t, u, func(m *nats.Msg) { _ = m.Respond(make([]byte, wire.IPCMaxPayload+1)) })
		}, `"code":3`, "1"},
		{"a server that is gone", func(t *testing.T, u *upstream) { u.close() }, `"code":`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := openUpstream(0)
			if err != nil {
				t.Fatal(err)
			}
			defer u.close()
			socket := filepath.Join(t.TempDir(), "s")
			p := peer.Start(t, "ready", program, "--socket", socket, "--nats", u.url(), "--nats-timeout-ms", "500")
			c.spoil(t, u)
			code, body := submit(t, socket)
			if code != wire.ResponseError || !strings.Contains(body, c.want) {
				t.Errorf("answer 0x%02x %s, want an error with %s", code, body, c.want)
			}
			if code := p.Stop(); code != 0 {
				t.Errorf("exit code %d:\n%s", code, p.Output())
			}
			if c.published != "" && !strings.Contains(p.Output(), "done published="+c.published+"\n") {
				t.Errorf("want %s published:\n%s", c.published, p.Output())
			}
		})
	}
}

// replace puts another worker in the place of the one that gives tasks back.
func replace(t *testing.T, u *upstream, work nats.MsgHandler) {
	t.Helper()
	conn, err := nats.Connect("", nats.InProcessServer(u.server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, err := conn.Subscribe(subjects, work); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestNATSGoesAwayAndComesBack(t *testing.T) {
	for _, build := range []string{"v1", "v2"} {
		t.Run(build, func(t *testing.T) {
			u, err := openUpstream(0)
			if err != nil {
				t.Fatal(err)
			}
			defer u.close()
			socket := filepath.Join(t.TempDir(), "s")
			p := peer.Start(t, "ready", peer.Reference(t, build), "--socket", socket, "--nats", u.url(), "--nats-timeout-ms", "500")
			if code, body := submit(t, socket); code != wire.ResponseOK {
				t.Fatalf("before: 0x%02x %s", code, body)
			}
			if err := u.toggle(); err != nil {
				t.Fatal(err)
			}
			if code, body := submit(t, socket); code != wire.ResponseError {
				t.Errorf("without NATS: 0x%02x %s", code, body)
			}
			if err := u.toggle(); err != nil {
				t.Fatal(err)
			}
			for start := time.Now(); ; {
				code, body := submit(t, socket)
				if code == wire.ResponseOK {
					break
				}
				if time.Since(start) > 20*time.Second {
					t.Fatalf("NATS is back, but not for the gateway: 0x%02x %s", code, body)
				}
			}
			if code := p.Stop(); code != 0 {
				t.Errorf("exit code %d:\n%s", code, p.Output())
			}
		})
	}
}

func TestNoNATSThere(t *testing.T) {
	program := peer.Reference(t, "v1")
	u, err := openUpstream(0)
	if err != nil {
		t.Fatal(err)
	}
	url := u.url()
	u.close()
	p := peer.Launch(t, program, "--socket", filepath.Join(t.TempDir(), "s"), "--nats", url)
	if code := p.Wait(10 * time.Second); code != 2 || !strings.Contains(p.Output(), "cannot reach NATS at "+url) {
		t.Errorf("exit code %d:\n%s", code, p.Output())
	}
}

func TestTheServerListensOnTheLoopbackOnly(t *testing.T) {
	u, err := openUpstream(0)
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	if host := u.server.Addr().String(); !strings.HasPrefix(host, "127.0.0.1:") {
		t.Errorf("it listens on %s", host)
	}
}

func TestALostMessageIsAFailure(t *testing.T) {
	for _, c := range []struct {
		name      string
		published string
		told      bool
		code      int
		want      int
	}{
		{"all delivered", "2", true, 0, 0},
		{"one lost", "3", true, 0, exitLost},
		{"the gateway failed anyway", "3", true, 139, 139},
		{"the gateway never said", "", false, 137, 137},
	} {
		t.Run(c.name, func(t *testing.T) {
			var u upstream
			u.received.Store(2)
			u.answered.Store(2)
			var out, errs strings.Builder
			if got := u.account(c.published, c.told, c.code, &out, &errs); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
			if !strings.HasPrefix(out.String(), "done published=") {
				t.Errorf("last line %q", out.String())
			}
		})
	}
}
