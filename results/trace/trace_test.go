// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

var update = flag.Bool("update", false, "write the golden instead of comparing with it")

const origin = 1_000_000_000

// request is one whose server woke for it, asked upstream and answered.
func request() results.Joined {
	return results.Joined{
		Request: results.Request{Conn: 3, Intended: origin + 900_000, Sent: origin + 1_000_000, Received: origin + 7_100_000, OutLen: 70, InLen: 40},
		Queued:  origin + 1_004_000, Taken: origin + 1_060_000, Answered: origin + 7_040_000, TakenBy: 42, SentBy: 42,
		Queue:    results.QueueSplit{Known: true, RunQueue: 20_000, WakeUp: 36_000},
		Service:  results.ServiceSplit{Known: true, User: 800_000, Kernel: 150_000, Upstream: 5_000_000, RunQueue: 30_000},
		Delivery: results.DeliverySplit{Known: true, Sending: 5_000, RunQueue: 15_000, WakeUp: 40_000},
		Way: results.Way{
			TakeBegan: origin + 1_050_000, SendEnded: origin + 7_046_000,
			Before: results.Sleep{Began: origin + 400_000, Woken: origin + 1_010_000, Ran: origin + 1_030_000, Idle: true},
			Within: results.Sleep{Began: origin + 1_500_000, Woken: origin + 6_500_000, Ran: origin + 6_530_000, Upstream: true},
			Client: results.Sleep{Began: origin + 1_010_000, Woken: origin + 7_045_000, Ran: origin + 7_060_000, Idle: true},
		},
	}
}

func samples() []results.Sample {
	return []results.Sample{
		{At: origin + 1_500_100, Thread: 42, Kind: results.OffCPU, Weight: 8, Call: "epoll_wait", Blocked: 5_000_000, RunQueue: 30_000, Stack: 1},
		{At: origin + 1_400_000, Thread: 42, Kind: results.CallEntry, Weight: 16, Call: "sendto", Stack: 2},
		{At: origin + 1_400_500, Thread: 41, Kind: results.CallEntry, Weight: 16, Call: "futex"},
		{At: origin + 9_000_000, Thread: 42, Kind: results.OffCPU, Weight: 8, Blocked: 1},
	}
}

func drawn(t *testing.T, requests []Request, o Options) document {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, requests, o); err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	checkEvents(t, out.Bytes())
	return doc
}

// checkEvents holds a document to the format as a viewer reads it: the keys that
// each phase must have, names for processes and threads before anything on them,
// and on each track slices that lie apart or within one another.
func checkEvents(t *testing.T, text []byte) {
	t.Helper()
	var doc struct {
		Unit   string                       `json:"displayTimeUnit"`
		Events []map[string]json.RawMessage `json:"traceEvents"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Unit != "ns" || doc.Events == nil {
		t.Fatalf("displayTimeUnit %q, traceEvents %v", doc.Unit, doc.Events)
	}
	type track struct{ process, thread int }
	named := make(map[track]bool)
	open := make(map[track][]float64) // ends of the slices that are open
	last := make(map[track]float64)
	number := func(e map[string]json.RawMessage, key string) (v float64) {
		if err := json.Unmarshal(e[key], &v); err != nil {
			t.Fatalf("%s of %s: %v", key, e, err)
		}
		return v
	}
	for i, e := range doc.Events {
		var name, phase string
		if json.Unmarshal(e["name"], &name) != nil || name == "" || json.Unmarshal(e["ph"], &phase) != nil {
			t.Fatalf("event %d has no name or phase: %s", i, e)
		}
		on := track{int(number(e, "pid")), int(number(e, "tid"))}
		at := number(e, "ts")
		switch phase {
		case metadata:
			named[on] = named[on] || name == "thread_name"
			continue
		case instant:
			if string(e["s"]) != `"t"` {
				t.Errorf("event %d is an instant without a scope: %s", i, e)
			}
		case complete:
			length := number(e, "dur")
			if length <= 0 {
				t.Errorf("event %d has no length: %s", i, e)
			}
			for n := len(open[on]); n > 0 && open[on][n-1] <= at+0.0005; n-- {
				open[on] = open[on][:n-1]
			}
			// Times have three decimals; their sums may be off by less than one of these.
			if n := len(open[on]); n > 0 && at+length > open[on][n-1]+0.0005 {
				t.Errorf("event %d, %s, ends behind the slice that it lies in: %s", i, name, e)
			}
			open[on] = append(open[on], at+length)
		default:
			t.Errorf("event %d is of phase %q", i, phase)
		}
		if !named[on] {
			t.Errorf("event %d is on a track without a name: %s", i, e)
		}
		if at < 0 || at < last[on] {
			t.Errorf("event %d, %s, is at %f behind %f", i, name, at, last[on])
		}
		last[on] = at
	}
}

func find(doc document, track int, name string) []event {
	var found []event
	for _, e := range doc.Events {
		if e.Thread == track && strings.HasPrefix(e.Name, name) && e.Phase != metadata {
			found = append(found, e)
		}
	}
	return found
}

func TestARequestIsDrawnAsItWas(t *testing.T) {
	var c Collector
	c.Add([]results.Joined{request()}, samples())
	o := Options{Origin: origin, Title: "golden", Stack: func(s *results.Sample) []string { return []string{"leaf", "main"} }}
	doc := drawn(t, c.Requests(), o)
	for _, c := range []struct {
		track      int
		name       string
		at, length int64
	}{
		{trackClient, "send lag", 900_000, 100_000},
		{trackClient, "round trip", 1_000_000, 6_100_000},
		{trackClient, "send call", 1_000_000, 4_000},
		{trackClient, "idle", 1_010_000, 6_035_000},
		{trackClient, "runnable", 7_045_000, 15_000},
		{trackSocket, "request queued", 1_004_000, 56_000},
		{trackSocket, "answer on its way", 7_040_000, 60_000},
		{trackServer, "idle", 1_004_000, 6_000},
		{trackServer, "service time", 1_060_000, 5_980_000},
		{trackServer, "upstream wait in epoll_wait", 1_500_000, 5_000_000},
		{trackServer, "sending", 7_040_000, 6_000},
		{trackCalls, "receive", 1_050_000, 10_000},
		{trackCalls, "send", 7_040_000, 6_000},
		{trackUpstream, "upstream wait", 1_500_000, 5_000_000},
	} {
		found := find(doc, c.track, c.name)
		if len(found) != 1 || int64(found[0].At) != c.at || int64(found[0].length()) != c.length {
			t.Errorf("%s on track %s: %+v, want one at %d of %d ns", c.name, trackNames[c.track], found, c.at, c.length)
		}
	}
	// All that kept it from its CPU has a place, so the rest of the service was on it.
	if on := find(doc, trackServer, "on CPU"); len(on) != 2 || on[0].length()+on[1].length() != 950_000 {
		t.Errorf("on CPU: %+v", on)
	}
	if entered := find(doc, trackCalls, "enters sendto"); len(entered) != 1 || entered[0].At != 1_400_000 {
		t.Errorf("calls: %+v", entered)
	}
	compareGolden(t, c.Requests(), o)
}

func compareGolden(t *testing.T, requests []Request, o Options) {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, requests, o); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "trace.json")
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%s differs (run with -update and read the change):\n%s", path, out.String())
	}
}

func TestWhatHasNoKnownPlaceIsGivenNone(t *testing.T) {
	r := request()
	r.Way.Within = results.Sleep{} // its sleep was not the latest
	doc := drawn(t, []Request{{Joined: r}}, Options{Origin: origin})
	if found := find(doc, trackServer, "upstream wait"); len(found) > 0 {
		t.Errorf("a place was made up: %+v", found)
	}
	if on := find(doc, trackServer, "on CPU"); len(on) > 0 {
		t.Errorf("time on the CPU was made up: %+v", on)
	}
	service := find(doc, trackServer, "service time")
	if len(service) != 1 || service[0].Args["off_cpu_at_times_not_recorded_ns"] != 5_030_000.0 {
		t.Errorf("service time: %+v", service)
	}
	if mark := find(doc, trackUpstream, "upstream wait, at times not recorded"); len(mark) != 1 || mark[0].Args["upstream_wait_ns"] != 5_000_000.0 {
		t.Errorf("upstream: %+v", mark)
	}
}

func TestTheSlowestOfAllSlicesAreKept(t *testing.T) {
	var c Collector
	rng := rand.New(rand.NewPCG(1, 2))
	var trips []int64
	for range 20 {
		var joined []results.Joined
		for range 100 {
			r := request()
			r.Received = r.Sent + 7_000_000 + rng.Int64N(1e9)
			trips = append(trips, r.RoundTrip())
			joined = append(joined, r)
		}
		c.Add(joined, samples())
	}
	slices.Sort(trips)
	slices.Reverse(trips)
	var kept []int64
	for _, r := range c.Requests() {
		kept = append(kept, r.RoundTrip())
		if len(r.Moments) != 2 || r.Moments[0].Call != "sendto" {
			t.Errorf("moments: %+v", r.Moments)
		}
	}
	if !slices.Equal(kept, trips[:Slowest]) {
		t.Errorf("kept %d, want %d", kept, trips[:Slowest])
	}
}

// Whatever the stamps say, what is drawn can be opened.
func TestAnyRequestCanBeDrawn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		moment := func() int64 {
			if rng.IntN(8) == 0 {
				return 0
			}
			return origin + rng.Int64N(1000)
		}
		sleep := func() results.Sleep {
			return results.Sleep{Began: moment(), Woken: moment(), Ran: moment(), Idle: rng.IntN(2) == 0, Upstream: rng.IntN(2) == 0}
		}
		stamps := []int64{}
		for range 5 {
			stamps = append(stamps, origin+rng.Int64N(1000))
		}
		slices.Sort(stamps)
		r := results.Joined{Request: results.Request{Intended: moment(), Sent: stamps[0], Received: stamps[4]},
			Queued: stamps[1], Taken: stamps[2], Answered: stamps[3], TakenBy: uint32(rng.IntN(2)), SentBy: uint32(rng.IntN(2)),
			Way: results.Way{TakeBegan: moment(), SendEnded: moment(), Before: sleep(), Within: sleep(), Client: sleep()}}
		r.Service.Known, r.Service.Blocked = rng.IntN(2) == 0, rng.Int64N(3)
		if rng.IntN(4) == 0 {
			r.Queued = r.Taken + 5 // taken before it was said to be queued
		}
		var moments []results.Sample
		for range rng.IntN(6) {
			moments = append(moments, results.Sample{At: origin + rng.Int64N(1000), Thread: uint32(rng.IntN(2)), Kind: results.SampleKind(1 + rng.IntN(3)),
				Blocked: rng.Int64N(300), RunQueue: rng.Int64N(100), Call: "read"})
		}
		var c Collector
		c.Add([]results.Joined{r}, moments)
		drawn(t, c.Requests(), Options{Origin: origin})
		if t.Failed() {
			t.Fatalf("%+v\n%+v", r, moments)
		}
	}
}
