// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
)

func TestAForkIsToldAndItsHeapNotCounted(t *testing.T) {
	server, socket := kinds[0].start(t, "--healthy", "--fork-at", "500")
	w := watch(t, server.Pid, "")
	ask(t, socket, 1000)
	if h := w.result(t); h.Allocs != 1000*16 || h.Forks != 1 {
		t.Errorf("%d allocations, want %d; %d forks, want 1", h.Allocs, 1000*16, h.Forks)
	}
	server.Stop()
}

func TestWhatWasSeenBeforeAnEndStays(t *testing.T) {
	for flag, says := range map[string]string{"--exec-at": "executed", "--exit-at": "exited"} {
		t.Run(flag, func(t *testing.T) {
			server, socket := kinds[0].start(t, "--healthy", flag, "500")
			w := watch(t, server.Pid, "")
			client := peer.Launch(t, peer.Build(t, "plainclient"), "--socket", socket, "--requests", "1000")
			client.Wait(20 * time.Second)
			h := w.result(t)
			if h.Allocs != 500*16 || !strings.Contains(h.Partial, says) {
				t.Errorf("%d allocations, want %d; it ended because %q", h.Allocs, 500*16, h.Partial)
			}
			server.Stop()
		})
	}
}
