// SPDX-License-Identifier: Apache-2.0

//go:build unix

package conformance_test

import (
	"path/filepath"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/gateway/wire/conformance"
)

func TestReferenceGateway(t *testing.T) {
	for _, c := range []struct {
		name, version string
		build         func(testing.TB, string) string
	}{
		{"v1 as it is delivered", "v1", peer.Reference},
		{"v1 with sanitizers, nothing left behind", "v1", peer.Sanitized},
		{"v2 as it is delivered", "v2", peer.Reference},
		{"v2 with sanitizers, nothing left behind", "v2", peer.Sanitized},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := c.build(t, c.version)
			socket := filepath.Join(t.TempDir(), "s")
			p := peer.Start(t, "ready", program, "--socket", socket, "--no-nats")
			conformance.Run(t, conformance.Gateway{Socket: socket, Echo: true, Alive: p.Alive})
			if code := p.Stop(); code != 0 {
				t.Errorf("exit code %d after SIGTERM:\n%s", code, p.Output())
			}
		})
	}
}

func TestForeignGateway(t *testing.T) {
	program := peer.Build(t, "foreign")
	socket := filepath.Join(t.TempDir(), "s")
	p := peer.Start(t, "[gw] listening", program, socket)
	conformance.Run(t, conformance.Gateway{Socket: socket, Echo: true, Pong: wire.ResponseOK,
		Lenient: true, Careless: true, Alive: p.Alive})
}
