// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"net"
	"sync"
	"testing"
	"time"
)

// TestStallIsFeltByAllWhoWait: while a server stalls, an open loop's requests
// fall due all the same, and their response times say so. A closed loop sends
// none, so that only those in flight see it.
func TestStallIsFeltByAllWhoWait(t *testing.T) {
	const stall, n = 400 * time.Millisecond, 1000
	slow := map[string]int64{}
	for _, rate := range []string{"1000", "max"} {
		var once sync.Once
		s := startServer(t, func(s *testServer, c net.Conn, in *bufio.Reader) error {
			for {
				if _, err := s.next(in); err != nil {
					return err
				}
				if s.requests.Load() > 100 {
					once.Do(func() { time.Sleep(stall) })
				}
				if _, err := c.Write(goodAnswer); err != nil {
					return err
				}
			}
		})
		o := testOptions(s)
		o.Rate, o.Arrivals, o.Connections, o.Requests = rate, ArrivalsConstant, 1, n
		sum, err := Run(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range sum.Slice.Intervals {
			for _, bar := range v.ResponseTime.Histogram().Distribution() {
				if bar.From >= int64(stall/4) {
					slow[rate] += bar.Count
				}
			}
		}
	}
	// At 1,000 a second, 300 requests fell due in the stall's first 300 ms, and
	// each of them waited for a quarter of the stall at least.
	if slow["1000"] < 290 || slow["max"] >= slow["1000"] {
		t.Errorf("slow requests: %v, want at least 290 in the open loop and fewer in the closed", slow)
	}
}
