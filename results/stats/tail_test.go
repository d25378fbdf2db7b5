// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// usual is a joined request of 100 µs whose service takes 60.
func usual(at int64) results.Joined {
	return results.Joined{
		Request: results.Request{Intended: at, Sent: at, Received: at + 100_000},
		Queued:  at + 5_000, Taken: at + 25_000, Answered: at + 85_000,
		Queue:    results.QueueSplit{Busy: 15_000, WakeUp: 5_000, Known: true},
		Service:  results.ServiceSplit{User: 60_000, Known: true},
		Delivery: results.DeliverySplit{Sending: 5_000, WakeUp: 10_000, Known: true},
	}
}

// delayed puts more into one part of a usual request.
func delayed(at int64, upstream, busy int64) results.Joined {
	j := usual(at)
	j.Queue.Busy += busy
	j.Taken += busy
	j.Service.Upstream += upstream
	j.Answered += busy + upstream
	j.Received += busy + upstream
	return j
}

func TestTailNamesWhatTheSlowestHaveMoreOf(t *testing.T) {
	tail, legs := NewTail(), NewLegs()
	var all []results.Joined
	for i := range int64(10_000) {
		switch {
		case i%100 == 7: // one in a hundred waits for upstream, and a bit for others
			all = append(all, delayed(i*1e6, 3_000_000, 1_000_000))
		default:
			all = append(all, usual(i*1e6))
		}
	}
	tail.Add(all[:5_000])
	tail.Add(all[5_000:])
	legs.Add(all)
	got := tail.Result(0.99, legs.Result(), 0)
	if got == nil || got.Requests != 100 || len(got.Exemplars) != exemplars {
		t.Fatalf("tail %+v", got)
	}
	for name, want := range map[string]float64{"service time, upstream wait": 75, "queue wait, server busy": 25} {
		if math.Abs(got.ShareOfExcess[name]-want) > 0.1 {
			t.Errorf("%s has %.2f %% of the excess, want %.0f: %v", name, got.ShareOfExcess[name], want, got.ShareOfExcess)
		}
	}
	e := got.Exemplars[0]
	if e.RoundTrip != 4_100_000 || e.Parts["service time, upstream wait"] != 3_000_000 || e.Received-e.Sent != e.RoundTrip {
		t.Errorf("exemplar %+v", e)
	}
	var sum int64
	for _, ns := range e.Parts {
		sum += ns
	}
	if sum != e.RoundTrip {
		t.Errorf("the exemplar's parts add up to %d, its round trip is %d", sum, e.RoundTrip)
	}
}

func TestTailNeedsEnoughRequests(t *testing.T) {
	tail, legs := NewTail(), NewLegs()
	all := make([]results.Joined, 1_999)
	for i := range all {
		all[i] = usual(int64(i))
	}
	tail.Add(all[:1_900])
	legs.Add(all)
	if got := tail.Result(0.99, legs.Result(), 0); got != nil {
		t.Errorf("tail of 19 requests: %+v", got)
	}
	if got := tail.Result(0.99, nil, 0); got != nil {
		t.Errorf("tail without legs: %+v", got)
	}
}

func TestTailKeepsTheSlowestWithinItsBound(t *testing.T) {
	tail := NewTail()
	for i := range int64(3 * slowestKept / 1000) {
		part := make([]results.Joined, 1000)
		for k := range part {
			part[k] = delayed(0, i*1000+int64(k), 0)
		}
		tail.Add(part)
	}
	if len(tail.kept) != slowestKept || tail.count != 3*slowestKept {
		t.Fatalf("%d kept of %d", len(tail.kept), tail.count)
	}
	if least := tail.kept[tail.heap[0].at].Service.Upstream; least != 2*slowestKept {
		t.Errorf("the fastest that is kept waited %d, want %d", least, 2*slowestKept)
	}
}

func TestTailKeepsTheSlowestOfAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	tail := NewTail()
	var trips []int64
	slice := make([]results.Joined, 0, 9_000)
	for range 20 {
		slice = slice[:0]
		for range 9_000 {
			j := delayed(0, rng.Int64N(40_000), 0) // with many that are equal
			slice = append(slice, j)
			trips = append(trips, j.RoundTrip())
		}
		tail.Add(slice)
	}
	slices.SortFunc(trips, func(a, b int64) int { return cmp.Compare(b, a) })
	for i, j := range tail.slowest(slowestKept) {
		if j.RoundTrip() != trips[i] {
			t.Fatalf("number %d of the slowest took %d ns, want %d", i, j.RoundTrip(), trips[i])
		}
	}
	if n := testing.AllocsPerRun(5, func() { tail.Add(slice) }); n != 0 {
		t.Errorf("%v allocations for 9,000 requests once the tail is full, want 0", n)
	}
}

// BenchmarkTail is the cost of a request that is joined, in the order of 100,000
// round trips drawn at random.
func BenchmarkTail(b *testing.B) {
	rng := rand.New(rand.NewPCG(7, 7))
	slice := make([]results.Joined, 100_000)
	for i := range slice {
		slice[i] = delayed(0, int64(rng.ExpFloat64()*50_000), 0)
	}
	tail := NewTail()
	b.ReportAllocs()
	for b.Loop() {
		tail.Add(slice)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(slice)), "ns/request")
}
