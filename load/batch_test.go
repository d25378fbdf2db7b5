// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A batch is sent when the one before is answered, all of it, and then whole.
func TestABatchWaitsForTheLastAnswer(t *testing.T) {
	const depth, batches = 5, 40
	early := make(chan string, 1)
	s := startServer(t, func(s *testServer, c net.Conn, in *bufio.Reader) error {
		quiet := func(when string) {
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Millisecond))
			if _, err := in.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
				select {
				case early <- when:
				default:
				}
			}
			_ = c.SetReadDeadline(time.Time{})
		}
		for size := 1; ; size = depth { // the first is the request that the server is tried with
			for range size {
				if _, err := s.next(in); err != nil {
					return err
				}
			}
			quiet("before the first answer")
			for i := range size {
				if i == size-1 {
					quiet("before the last answer")
				}
				if _, err := c.Write(goodAnswer); err != nil {
					return err
				}
			}
		}
	})
	o := testOptions(s)
	o.Connections, o.Pipeline, o.Batch, o.Requests = 1, depth, true, depth*batches
	sum, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := sum.Totals.Counts; c.OK != o.Requests+1 {
		t.Errorf("counts %+v, want %d answers", c, o.Requests+1)
	}
	select {
	case when := <-early:
		t.Errorf("a request came %s", when)
	default:
	}
	checkManners(t, s, o.Requests+1)
}
