// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap_test

import (
	"strings"
	"testing"
)

// Each allocator's calls by a server that says how many it makes.
func TestEveryAllocatorsCallsAreCounted(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel() // counts, not times
			server, socket := k.start(t, "--healthy")
			w := watch(t, server.Pid, "")
			if got := w.probes.Allocator.Objects[0]; !strings.HasPrefix(got, k.object) {
				t.Errorf("found %q, want %s first", w.probes.Allocator.Objects, k.object)
			}
			const n = 3000
			ask(t, socket, n)
			h := w.result(t)
			const rings, ring = 5, 64 // blocks of five sites are held for 64 requests
			if h.Allocs != n*k.allocs || h.LiveObjects != rings*ring || h.Frees != h.Allocs-rings*ring || h.Lost != 0 || h.OlderFrees != 0 || h.Failed != 0 {
				t.Errorf("%d allocations, want %d; %d live, want %d; frees %d, older %d, lost %d, failed %d",
					h.Allocs, n*k.allocs, h.LiveObjects, rings*ring, h.Frees, h.OlderFrees, h.Lost, h.Failed)
			}
			var sites int64
			for _, s := range h.All {
				sites += s.Allocs
			}
			if sites != h.Allocs {
				t.Errorf("the sites have %d allocations of %d", sites, h.Allocs)
			}
			server.Stop()
		})
	}
}
