// SPDX-License-Identifier: Apache-2.0

package join

import (
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// What the probes can't see is absent, and the rest still adds up.
func TestWithoutQueueingTheWayToTheServerIsOneLeg(t *testing.T) {
	s := newScene(5)
	s.dropAll(results.Queued)
	s.in.Unqueued = true
	m := New()
	m.Connections(s.connections)
	joined := m.Slice(s.in, nil)
	if len(joined) != 5 {
		t.Fatalf("%d joined, want 5", len(joined))
	}
	for i := range joined {
		j := &joined[i]
		if j.QueueSeen() || j.Queue.Known || j.Delivery.Known {
			t.Errorf("request %d: something is said of its queueing: %+v", i, *j)
		}
		if j.UntilTaken() != 2_000 || j.ServiceTime() != 3_000 || j.ReplyDelivery() != 7_000 || j.Residual() != 0 {
			t.Errorf("request %d: until taken %d, service %d, delivery %d, residual %d",
				i, j.UntilTaken(), j.ServiceTime(), j.ReplyDelivery(), j.Residual())
		}
	}
}
