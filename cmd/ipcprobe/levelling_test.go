// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// alarmRuns is how often each server whose memory levels off is judged by the
// resident set, and as often by its heap.
var alarmRuns = flag.Int("alarm-runs", 1, "runs of each server whose memory levels off; all of them with -every-shape")

// levelling is a server that keeps memory and leaks none.
type levelling struct {
	name      string
	arguments []string
	often     bool // without -every-shape, too
	visitors  bool // others connect to it and go again
}

var levellings = []levelling{
	{name: "nothing", arguments: []string{"--mode", "nothing"}},
	{name: "a pool that fills", arguments: []string{"--mode", "pool", "--bound", "9000", "--size", "512"}, often: true},
	{name: "a cache", arguments: []string{"--mode", "cache", "--bound", "4000", "--size", "600"}},
	{name: "garbage", arguments: []string{"--mode", "sawtooth", "--bound", "5000", "--size", "700"}, often: true},
	{name: "a buffer that doubles", arguments: []string{"--mode", "doubling", "--bound", "12000", "--size", "64"}},
	{name: "fragments", arguments: []string{"--mode", "fragments", "--bound", "800"}},
	{name: "arenas kept after a burst", arguments: []string{"--mode", "arenas", "--at", "9000"}, often: true},
	{name: "connections that come and go", arguments: []string{"--mode", "nothing"}, visitors: true},
}

func TestWhatLevelsIsNotCalledALeak(t *testing.T) {
	for _, c := range levellings {
		if !*everyShape && !c.often {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			found := map[string]int{}
			for range *alarmRuns {
				leak := judgedBeside(t, c)
				found[leak.Verdict]++
				if leak.Verdict == results.LeakFound {
					t.Errorf("a false alarm: %+v", leak)
				}
			}
			t.Logf("of %d runs by the resident set: %v", *alarmRuns, found)
		})
	}
}

// The same servers by their heaps. One of them in the usual run of tests.
func TestAHeapThatLevelsIsNotCalledALeak(t *testing.T) {
	for _, c := range levellings {
		if !*everyShape && c.name != "garbage" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			found := map[string]int{}
			for range *alarmRuns {
				server, socket := startPeer(t, "growth", c.arguments...)
				leave := visit(t, c, socket)
				r, _ := heapRun(t, server.Pid, "--duration", "300ms", "--rate", "4000", "--heap-requests", "30000")
				leave()
				server.Stop()
				leak := r.Memory.Leak
				if leak == nil || leak.View != "heap" {
					t.Fatalf("no verdict of the heap: %+v, %q", leak, r.Warnings)
				}
				found[leak.Verdict]++
				if leak.Verdict == results.LeakFound {
					t.Errorf("a false alarm: %+v", leak)
				}
				t.Logf("%s: %s", leak.Verdict, leak.Reason)
			}
			t.Logf("of %d runs by the heap: %v", *alarmRuns, found)
		})
	}
}

// judgedBeside is the verdict on 30,000 requests.
func judgedBeside(t *testing.T, c levelling) *results.Leak {
	t.Helper()
	if !c.visitors {
		return judged(t, c.arguments...)
	}
	server, socket := startPeer(t, "growth", c.arguments...)
	leave := visit(t, c, socket)
	defer leave()
	r := measureLenient(t, "--pid", strconv.Itoa(server.Pid), "--warmup", "100ms", "--requests", "30000", "--rate", "6000")
	t.Logf("%s: %s", r.Memory.Leak.Verdict, r.Memory.Leak.Reason)
	return r.Memory.Leak
}

// visit has others come and go, until leave: up to 40 connections at once, each
// for a while and with a request or two.
func visit(t *testing.T, c levelling, socket string) (leave func()) {
	t.Helper()
	if !c.visitors {
		return func() {}
	}
	done := make(chan struct{})
	var visitors sync.WaitGroup
	for i := range 40 {
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		visitors.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Duration(rng.IntN(400)) * time.Millisecond):
				}
				if !call(socket, time.Duration(rng.IntN(200))*time.Millisecond) {
					return
				}
			}
		})
	}
	return func() {
		close(done)
		visitors.Wait()
	}
}

// call connects, asks once, stays for a while and goes.
func call(socket string, stay time.Duration) bool {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	ping, answer := []byte{0, 0, 0, 6, 1, 0xf0}, make([]byte, 6)
	if _, err := conn.Write(ping); err != nil {
		return false
	}
	if _, err := io.ReadFull(conn, answer); err != nil {
		return false
	}
	time.Sleep(stay)
	return true
}
