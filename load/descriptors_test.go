// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// holders are the threads of a process that have a socket in their table of
// descriptors, by socket.
func holders(t *testing.T, pid int) map[string][]string {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	threads := map[string][]string{}
	for _, link := range links {
		// An error: it was closed, or its thread has ended.
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "socket:") {
			threads[to] = append(threads[to], strings.Split(link, "/")[4])
		}
	}
	return threads
}

// TestAThreadHasItsConnectionsAlone: a connection is in the table of its worker's
// thread and in no other, from the start and also one that was opened in the place of
// another. So it ends when the worker closes it.
func TestAThreadHasItsConnectionsAlone(t *testing.T) {
	const connections = 6
	for threads := 1; threads <= 2; threads++ {
		var bad atomic.Bool
		var hungUp atomic.Int64
		s := startServer(t, func(s *testServer, c net.Conn, in *bufio.Reader) error {
			for !bad.Load() {
				if _, err := s.next(in); err != nil {
					return err
				}
				if _, err := c.Write(goodAnswer); err != nil {
					return err
				}
			}
			if _, err := c.Write(make([]byte, 6)); err != nil { // no frame: the client closes
				return err
			}
			if n, err := io.Copy(io.Discard, in); err == nil || n > 0 {
				hungUp.Add(1)
			}
			return nil
		})
		o := testOptions(s)
		o.Connections, o.Threads = connections, threads
		g := spawnTest(t, o)
		if _, err := g.Ready(); err != nil {
			t.Fatal(err)
		}
		begin(t, g, 0, results.Bare)
		awaitRequests(t, s, 500)
		check := func(when string) {
			t.Helper()
			alone := map[string]int{}
			for _, tids := range holders(t, g.PID()) {
				if len(tids) == 1 {
					alone[tids[0]]++
				}
			}
			if len(alone) != threads {
				t.Errorf("%s: connections by thread: %v, want %d threads", when, alone, threads)
			}
			for tid, n := range alone {
				if n != connections/threads {
					t.Errorf("%s: thread %s has %d connections alone, want %d", when, tid, n, connections/threads)
				}
			}
		}
		check("at the start")
		bad.Store(true)
		for deadline := time.Now().Add(10 * time.Second); hungUp.Load() < connections; {
			if time.Now().After(deadline) {
				t.Fatalf("the server saw %d of %d connections end", hungUp.Load(), connections)
			}
			time.Sleep(time.Millisecond)
		}
		bad.Store(false)
		awaitRequests(t, s, 500)
		time.Sleep(1100 * time.Millisecond) // the longest back-off
		check("opened again")
		if _, err := g.Stop(); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

// awaitRequests waits for n more requests.
func awaitRequests(t *testing.T, s *testServer, n int64) {
	t.Helper()
	from := s.requests.Load()
	for deadline := time.Now().Add(20 * time.Second); s.requests.Load() < from+n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests came, want %d", s.requests.Load()-from, n)
		}
	}
}
