// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"net"
	"sync"
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
