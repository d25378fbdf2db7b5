// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// listener is a Recorder that keeps all it gets, or fails after some blocks.
type listener struct {
	t           *testing.T
	connections []results.Connection
	slices      []results.Slice
	requests    map[int][]results.Request
	failAfter   int // blocks of requests; 0: never
	blocks      int
}

func (l *listener) Connections(list []results.Connection) error {
	l.connections = append(l.connections, list...)
	return nil
}

func (l *listener) Slice(s results.Slice) error {
	l.slices = append(l.slices, s)
	return nil
}

func (l *listener) Requests(slice int, list []results.Request) error {
	if l.blocks++; l.failAfter > 0 && l.blocks >= l.failAfter {
		if l.blocks > l.failAfter {
			l.t.Error("the recorder was called after its error")
		}
		return errors.New("no room")
	}
	known := slice == -1 || slices.ContainsFunc(l.slices, func(s results.Slice) bool { return s.Index == slice })
	if !known {
		l.t.Errorf("requests of slice %d, which has not begun", slice)
	}
	l.requests[slice] = append(l.requests[slice], list...)
	return nil
}

func recordChild(t *testing.T, o Options, l *listener) Summary {
	t.Helper()
	s, err := RunChild(t.Context(), SpawnOptions{
		Executable: os.Args[0], Command: []string{}, Load: o, Recorder: l,
		Env: append(os.Environ(), "IPCPROBE_TEST_CHILD=1"), Stderr: os.Stderr,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestARecordHasEveryRequest: warm-up, slice and ending, in a closed loop and at
// a rate, on one thread and on two.
func TestARecordHasEveryRequest(t *testing.T) {
	for name, shape := range map[string]func(*Options){
		"closed loop": func(o *Options) { o.Pipeline = 8 },
		"open loop":   func(o *Options) { o.Rate, o.Threads = "30000", 2 },
		"mix":         func(o *Options) { o.Mix, o.Pipeline, o.Threads = "50% 64, 50% ping", 4, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, answering(goodAnswer))
			o := testOptions(s)
			o.Warmup, o.Duration = 100*time.Millisecond, 200*time.Millisecond
			shape(&o)
			l := &listener{t: t, requests: map[int][]results.Request{}}
			sum := recordChild(t, o, l)
			if sum.Record != nil || sum.Totals.Dropped != 0 {
				t.Fatalf("recording: %v, %d dropped", sum.Record, sum.Totals.Dropped)
			}
			all := 1 // the probe
			for slice, list := range l.requests {
				all += len(list)
				if slice != -1 && slice > 1 {
					t.Errorf("%d requests of slice %d", len(list), slice)
				}
			}
			if int64(all) != sum.Totals.Counts.Sent {
				t.Errorf("%d requests are recorded with the probe, %d were sent", all, sum.Totals.Counts.Sent)
			}
			if got, want := int64(len(l.requests[1])), sum.Slice.Counts().OK; got != want {
				t.Errorf("%d requests of the slice are recorded, %d were answered", got, want)
			}
			if len(l.connections) != o.Connections || len(l.slices) != 4 {
				t.Errorf("%d connections and %d slices, want %d and 4", len(l.connections), len(l.slices), o.Connections)
			}
		})
	}
}

func TestARecorderThatFailsLeavesTheLoadAlone(t *testing.T) {
	s := startServer(t, answering(goodAnswer))
	o := testOptions(s)
	o.Duration, o.Requests, o.Pipeline = 10*time.Second, 20_000, 8
	l := &listener{t: t, requests: map[int][]results.Request{}, failAfter: 2}
	sum := recordChild(t, o, l)
	if sum.Record == nil || sum.Record.Error() != "no room" {
		t.Errorf("the recorder's error is %v", sum.Record)
	}
	if n := sum.Slice.Counts().OK; n != o.Requests {
		t.Errorf("%d requests were answered, want %d", n, o.Requests)
	}
}
