// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// A server that stalls in a bare slice and goes on in the gap behind it: the
// slice that sent the requests must have their latencies.
func TestAStallThatOutlivesItsSliceIsNotLost(t *testing.T) {
	const stall = 300 * time.Millisecond
	var stalled atomic.Bool
	s := startServer(t, func(s *testServer, c net.Conn, r *bufio.Reader) error {
		for {
			if _, err := s.next(r); err != nil {
				return err
			}
			if stalled.CompareAndSwap(true, false) {
				time.Sleep(stall)
			}
			if _, err := c.Write(goodAnswer); err != nil {
				return err
			}
		}
	})
	for _, mode := range []results.Mode{results.Bare, results.Probed} {
		o := testOptions(s)
		o.Connections, o.Pipeline = 1, 4
		g, err := Start(o, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Ready(); err != nil {
			t.Fatal(err)
		}
		begin(t, g, 0, mode)
		time.Sleep(20 * time.Millisecond)
		stalled.Store(true)
		time.Sleep(20 * time.Millisecond)
		begin(t, g, 1, results.Gap)
		slice, requests, err := g.End(0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Stop(); err != nil {
			t.Fatal(err)
		}
		if mode == results.Bare {
			slowest := int64(0)
			for _, v := range append(slice.Intervals, g.Late()...) {
				if v.Slice != 0 {
					t.Errorf("an interval of slice %d", v.Slice)
				}
				slowest = max(slowest, v.ResponseTime.Histogram().Max())
			}
			if slowest < int64(stall)*9/10 {
				t.Errorf("slowest response time %v, want the stall of %v", time.Duration(slowest), stall)
			}
		} else if last := requests[len(requests)-1]; last.RoundTrip() < int64(stall)*9/10 || last.Received < slice.End {
			t.Errorf("the last of %d recorded requests took %v, want the stall of %v", len(requests), time.Duration(last.RoundTrip()), stall)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}
