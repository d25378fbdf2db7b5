// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// TestErrorAnswersAreExplained: they are no reason not to load, and counted.
func TestErrorAnswersAreExplained(t *testing.T) {
	s := startServer(t, answering(errorAnswer))
	o := testOptions(s)
	o.Requests = 100
	sum, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := sum.Slice.Counts(); c.Error != 100 || c.OK != 0 {
		t.Errorf("counts are %+v, want 100 errors", c)
	}
	if n := sum.Totals.Answers["response error 5: upstream timed out"]; n != 100 {
		t.Errorf("answers are %v", sum.Totals.Answers)
	}
	if len(sum.Warnings) != 1 || !strings.Contains(sum.Warnings[0], "upstream timed out") {
		t.Errorf("warnings are %q", sum.Warnings)
	}
	checkManners(t, s, 101)
}

// TestConnectionsThatDieAreOpenedAgain: by cause, with what was in flight.
func TestConnectionsThatDieAreOpenedAgain(t *testing.T) {
	write := func(b []byte) func(*testServer, net.Conn, *bufio.Reader) error {
		return func(s *testServer, c net.Conn, in *bufio.Reader) error {
			if _, err := s.next(in); err != nil {
				return err
			}
			_, err := c.Write(b)
			return err
		}
	}
	tests := []struct {
		name  string
		after func(*testServer, net.Conn, *bufio.Reader) error
		cause string
		count func(results.Counts) int64
	}{
		{"closed by peer", closing, "closed by peer", func(c results.Counts) int64 { return c.Broken }},
		{"closed within an answer", write(goodAnswer[:7]), "closed by peer", func(c results.Counts) int64 { return c.Broken }},
		{"bad frame", write([]byte{0, 0, 0, 0, 0, 0}), "bad frame", func(c results.Counts) int64 { return c.Broken }},
		{"too many answers", write(append(goodAnswer[:len(goodAnswer):len(goodAnswer)], goodAnswer...)), "answer to no request", func(c results.Counts) int64 { return 1 }},
		{"silence", silent, "timeout", func(c results.Counts) int64 { return c.Timeout }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, firstGood(50, tt.after))
			o := testOptions(s)
			o.Connections, o.Timeout, o.Duration = 2, 100*time.Millisecond, 400*time.Millisecond
			sum, err := Run(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			if sum.Totals.Endings[tt.cause] == 0 || tt.count(sum.Totals.Counts) == 0 {
				t.Errorf("endings are %v, counts %+v; want some %q", sum.Totals.Endings, sum.Totals.Counts, tt.cause)
			}
			if sum.Totals.Reconnects == 0 || s.opened.Load() < 3 {
				t.Errorf("%d reconnects, %d connections at the server", sum.Totals.Reconnects, s.opened.Load())
			}
			c := sum.Totals.Counts
			if c.Sent != c.OK+c.Failed()+c.Censored {
				t.Errorf("counts don't add up: %+v", c)
			}
		})
	}
}

// TestLateAnswersAreTaken: a timeout doesn't close a connection on which bytes
// still come.
func TestLateAnswersAreTaken(t *testing.T) {
	s := startServer(t, firstGood(20, slowly(30*time.Millisecond)))
	o := testOptions(s)
	o.Connections, o.Pipeline, o.Timeout, o.Duration = 1, 8, 100*time.Millisecond, 700*time.Millisecond
	sum, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Totals.Late == 0 || sum.Totals.Counts.Timeout == 0 || sum.Totals.Reconnects != 0 {
		t.Errorf("late %d, counts %+v, endings %v", sum.Totals.Late, sum.Totals.Counts, sum.Totals.Endings)
	}
}

// TestTargetThatEndsIsToldAndKept: what was measured until then is kept.
func TestTargetThatEndsIsToldAndKept(t *testing.T) {
	s := startServer(t, answering(goodAnswer))
	o := testOptions(s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s.requests.Load() < 1000 {
			time.Sleep(time.Millisecond)
		}
		s.stop()
	}()
	sum, err := Run(t.Context(), o, nil)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if !sum.Partial || !strings.Contains(sum.EndedBy, "no connection") {
		t.Errorf("partial %v, ended by %q", sum.Partial, sum.EndedBy)
	}
	if c := sum.Slice.Counts(); c.OK < 900 {
		t.Errorf("%d answers are left of 1000", c.OK)
	}
}

// TestInterruptsAreGraceful: a run that ends at any moment takes every answer
// it is owed and leaves no half frame.
func TestInterruptsAreGraceful(t *testing.T) {
	shapes := []func(*Options){
		func(o *Options) { o.Pipeline = 8 },
		func(o *Options) { o.Payload, o.Pipeline = "300KiB", 4 },
		func(o *Options) { o.Rate = "30000" },
		func(o *Options) { o.Warmup = 50 * time.Millisecond },
	}
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := startServer(t, slowly(time.Duration(i%5)*300*time.Microsecond))
			o := testOptions(s)
			o.Timeout = time.Minute
			shapes[i%len(shapes)](&o)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*7*time.Millisecond+time.Millisecond)
			defer cancel()
			sum, err := Run(ctx, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !sum.Partial {
				t.Error("the run is not marked as partial")
			}
			if c := sum.Totals.Counts; c.Sent != c.OK || c.Sent != s.requests.Load() {
				t.Errorf("counts %+v, the server saw %d", c, s.requests.Load())
			}
			checkManners(t, s, -1)
		})
	}
}

// TestOrphanEndsGracefully: a child whose parent dies takes its answers and
// goes.
func TestOrphanEndsGracefully(t *testing.T) {
	s := startServer(t, slowly(time.Millisecond))
	o := testOptions(s)
	o.Pipeline = 8
	g := spawnTest(t, o)
	if _, err := g.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := g.Begin(results.Slice{Index: 0, Mode: results.Bare}, false); err != nil {
		t.Fatal(err)
	}
	for s.requests.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if g.command.ProcessState == nil {
		t.Error("the child is not waited for")
	}
	checkManners(t, s, -1)
}
