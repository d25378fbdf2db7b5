// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// joined makes requests whose four legs have the given lengths; a negative
// queue wait is the inversion of a server that takes before the wake-up.
func joined(legs ...[4]int64) []results.Joined {
	out := make([]results.Joined, len(legs))
	for i, l := range legs {
		j := &out[i]
		j.Sent = 1_000_000
		j.Queued = j.Sent + l[0]
		j.Taken = j.Queued + l[1]
		j.Answered = j.Taken + l[2]
		j.Received = j.Answered + l[3]
	}
	return out
}

func TestLegsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := NewLegs()
	for range 5 {
		var batch [][4]int64
		for range 1_000 {
			batch = append(batch, [4]int64{rng.Int64N(3_000), rng.Int64N(50_000), rng.Int64N(200_000), rng.Int64N(9_000)})
		}
		l.Add(joined(batch...))
	}
	r := l.Result()
	sum := r.SendCall.Mean + r.QueueWait.Mean + r.ServiceTime.Mean + r.ReplyDelivery.Mean
	if math.Abs(sum-r.RoundTrip.Mean) > 1e-6 {
		t.Errorf("means add up to %v, round trip's is %v", sum, r.RoundTrip.Mean)
	}
	if r.RoundTrip.Count != 5_000 || l.Identity() != 5_000 || r.RoundTrip.P99 == nil || r.RoundTrip.P999 != nil {
		t.Errorf("count %d, identity %d", r.RoundTrip.Count, l.Identity())
	}
	if d := l.Residual(); d.Max != 0 || *d.P99 != 0 || d.Count != 5_000 {
		t.Errorf("residual %+v", d)
	}
}

func TestLegsOfAnInversion(t *testing.T) {
	l := NewLegs()
	l.Add(joined([4]int64{1_000, -200, 5_000, 700}, [4]int64{1_000, 0, 5_000, 700}))
	if l.Identity() != 1 {
		t.Errorf("identity holds for %d requests, want 1", l.Identity())
	}
	if d := l.Residual(); d.Min != 0 || d.Max != 200 || d.Mean != 100 {
		t.Errorf("residual %+v", d)
	}
	r := l.Result()
	if r.QueueWait.Max != 0 || r.RoundTrip.Min != 6_500 || r.RoundTrip.Max != 6_700 {
		t.Errorf("queue wait %+v, round trip %+v", r.QueueWait, r.RoundTrip)
	}
}

func TestPercentilesStayInsideTheExactEnds(t *testing.T) {
	l := NewLegs()
	for range 100 {
		l.Add(joined([4]int64{1_000_001, 1_000_001, 1_000_001, 1_000_001}))
	}
	if d := l.Result().SendCall; *d.P50 != 1_000_001 || d.Max != 1_000_001 {
		t.Errorf("%+v, p50 %d", d, *d.P50)
	}
}

func TestNoLegs(t *testing.T) {
	l := NewLegs()
	l.Add(nil)
	if l.Result() != nil || l.Residual() != nil || l.Identity() != 0 {
		t.Error("nothing joined: want no figures")
	}
}

func TestAddingLegsDoesNotAllocate(t *testing.T) {
	l := NewLegs()
	batch := joined(make([][4]int64, 100)...)
	if n := testing.AllocsPerRun(10, func() { l.Add(batch) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSyscalls(t *testing.T) {
	errno := func(n int) string { return fmt.Sprintf("E%d", n) }
	tables := []results.CallTable{
		{Name: "write", Calls: 0},
		{Name: "poll", Calls: 50, TotalNs: 900_000, Buckets: []results.Bucket{{Low: 16_384, High: 17_408, Count: 50}}},
		{Name: "recvfrom", Calls: 300, TotalNs: 1_000_000, Bytes: 60_000, Moves: true,
			Errors: map[int]int64{11: 100, 4: 0}, Buckets: []results.Bucket{{Low: 1_024, High: 1_088, Count: 200}, {Low: 8_192, High: 8_704, Count: 90}}},
		{Name: "never timed", Calls: 1},
	}
	got := Syscalls(tables, 100, errno)
	if len(got) != 3 || got[0].Name != "recvfrom" || got[1].Name != "poll" || got[2].Name != "never timed" {
		t.Fatalf("%+v: want three rows, most time first", got)
	}
	r := got[0]
	if r.CallsPerRequest != 3 || *r.BytesPerCall != 200 || len(r.Errors) != 1 || r.Errors["E11"] != 100 {
		t.Errorf("%+v", r)
	}
	if r.Latency.Count != 290 || r.Latency.Mean != 1_000_000.0/290 || r.Latency.Min != 1_024 || r.Latency.Max != 8_703 {
		t.Errorf("latency %+v", r.Latency)
	}
	if got[1].BytesPerCall != nil || got[2].Latency != nil || got[2].CallsPerRequest != 0.01 {
		t.Errorf("%+v, %+v", got[1], got[2])
	}
	if got = Syscalls(tables, 0, errno); got[0].CallsPerRequest != 0 {
		t.Error("no requests: calls per request must be 0, not infinite")
	}
	if got = Syscalls(nil, 5, errno); got == nil || len(got) != 0 {
		t.Error("no calls: want an empty table")
	}
}

// Durations counted in buckets of a sixteenth give percentiles to 3.2 %.
func TestBucketsAreExactToHalfABucket(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	truth := results.NewHistogram()
	counts := make(map[[2]int64]int64)
	for range 30_000 {
		v := int64(math.Exp(6 + 1.5*rng.NormFloat64()))
		record(truth, v, 1)
		low, width := v, int64(1)
		if v >= 16 {
			exponent := int(math.Floor(math.Log2(float64(v)))) - 4
			width = 1 << exponent
			low = v >> exponent << exponent
		}
		counts[[2]int64{low, low + width}]++
	}
	var buckets []results.Bucket
	for b, n := range counts {
		buckets = append(buckets, results.Bucket{Low: b[0], High: b[1], Count: n})
	}
	got, want := Buckets(buckets), Distribution(truth)
	for i, p := range [][2]*int64{{got.P50, want.P50}, {got.P90, want.P90}, {got.P99, want.P99}, {got.P999, want.P999}} {
		if math.Abs(float64(*p[0]-*p[1])) > 0.032*float64(*p[1]) {
			t.Errorf("percentile %d: %d, want %d within 3.2 %%", i, *p[0], *p[1])
		}
	}
	if got.Count != want.Count || got.Min > want.Min || got.Max < want.Max {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if Buckets(nil) != nil || Buckets([]results.Bucket{{Low: 1, High: 2}}) != nil {
		t.Error("nothing counted: want none")
	}
}

func TestLegsThatWereNotSeenAreAbsent(t *testing.T) {
	joined := make([]results.Joined, 100)
	for i := range joined {
		joined[i].Sent, joined[i].Taken, joined[i].Answered, joined[i].Received = 1_000, 3_000, 7_000, 8_000
	}
	l := NewLegs()
	l.Add(joined)
	r := l.Result()
	if r.SendCall != nil || r.QueueWait != nil {
		t.Errorf("send call %v, queue wait %v, though nobody saw them", r.SendCall, r.QueueWait)
	}
	if r.UntilTaken == nil || r.UntilTaken.Mean != 2_000 || l.Identity() != 100 {
		t.Errorf("until taken %+v, identity of %d", r.UntilTaken, l.Identity())
	}
	tail := NewTail()
	for i := range joined {
		joined[i].Received += int64(i)
	}
	for range 30 {
		tail.Add(joined)
	}
	for _, e := range tail.Result(0.99, r, 0).Exemplars {
		if e.Queued != nil || e.Parts["queue wait"] != 0 || e.Parts["until taken"] != 2_000 {
			t.Errorf("exemplar %+v", e)
		}
	}
}
