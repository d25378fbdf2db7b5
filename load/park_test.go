// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAServerThatStoodStillIsNotHungUpOn: the answers that a server writes after a
// pause of several timeouts all find a socket to go to. One that dies of SIGPIPE
// would be killed by any that does not.
func TestAServerThatStoodStillIsNotHungUpOn(t *testing.T) {
	const timeout = 200 * time.Millisecond
	for _, rate := range []string{"max", "2000"} {
		t.Run(rate, func(t *testing.T) {
			var begin sync.Once
			var until time.Time
			s := startServer(t, func(s *testServer, c net.Conn, in *bufio.Reader) error {
				for {
					if _, err := s.next(in); err != nil {
						return err
					}
					if s.requests.Load() > 50 {
						begin.Do(func() { until = time.Now().Add(5 * timeout) })
						time.Sleep(time.Until(until))
					}
					if _, err := c.Write(goodAnswer); err != nil {
						return err
					}
				}
			})
			o := testOptions(s)
			o.Rate, o.Connections, o.Pipeline, o.Requests = rate, 4, 2, 0
			o.Timeout, o.Duration = timeout, 10*timeout
			sum, err := Run(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.stop()
			switch c := sum.Totals.Counts; {
			case s.unread.Load() > 0:
				t.Errorf("%d answers found no reader", s.unread.Load())
			case sum.Totals.Reconnects == 0 || c.Timeout == 0:
				t.Errorf("the pause went by unseen: %+v", sum.Totals)
			case c.Sent != c.OK+c.Failed()+c.Censored:
				t.Errorf("the accounts don't add up: %+v", c)
			}
		})
	}
}

// TestAForgottenRequestHoldsNoPlace: a server that never answers one request, and
// all others, does not keep the connection of that one until the load ends.
func TestAForgottenRequestHoldsNoPlace(t *testing.T) {
	var forgot atomic.Bool
	var freedAt atomic.Int64 // requests that were there when it was closed
	s := startServer(t, func(s *testServer, c net.Conn, in *bufio.Reader) error {
		mine := false
		for {
			if _, err := s.next(in); err != nil {
				if mine {
					freedAt.Store(s.requests.Load())
				}
				return err
			}
			if s.requests.Load() > 50 && forgot.CompareAndSwap(false, true) {
				mine = true
			}
			if mine {
				continue
			}
			if _, err := c.Write(goodAnswer); err != nil {
				return err
			}
		}
	})
	o := testOptions(s)
	o.Rate, o.Connections, o.Requests = "2000", 4, 0
	o.Timeout, o.Duration = 100*time.Millisecond, 3*time.Second
	sum, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	if freed, all := freedAt.Load(), s.requests.Load(); freed == 0 || freed >= all || sum.Totals.Reconnects == 0 {
		t.Errorf("closed at request %d of %d; %d connections opened again", freed, all, sum.Totals.Reconnects)
	}
}
