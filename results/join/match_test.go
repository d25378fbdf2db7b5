// SPDX-License-Identifier: Apache-2.0

package join

import (
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// scene is one connection with cookie 7, whose client stands at Out 1000 and In
// 5000 at the sync (time 1000) and whose kernel cursors stand at 100, 200 and
// 300. Request n (0, 1, …) is 10 bytes, its answer 20, and it is sent at
// 10,000 × (n+1): queued 1,000 later, taken 2,000, answered 5,000, received
// 12,000 later, so that the next is always under way and the sync the only rest.
type scene struct {
	in          Input
	connections []results.Connection
}

func newScene(requests int) *scene {
	s := &scene{connections: []results.Connection{{Index: 3, Cookie: 7}}}
	s.in.Start, s.in.End = 500, 1<<40
	s.in.Syncs = []results.Sync{{Conn: 3, At: 1000, Out: 1000, In: 5000}}
	for n := range requests {
		at := 10_000 * int64(n+1)
		i := uint64(n + 1)
		s.in.Requests = append(s.in.Requests, results.Request{
			Intended: at, Sent: at, Received: at + 12_000, Conn: 3,
			OutEnd: 1000 + 10*i, OutLen: 10, InEnd: 5000 + 20*i, InLen: 20,
		})
		s.in.Observations = append(s.in.Observations,
			results.Observation{Kind: results.Queued, Cookie: 7, Begin: at + 500, At: at + 1_000, Position: 100 + 10*i, Bytes: 10},
			results.Observation{Kind: results.Taken, Cookie: 7, Begin: at - 3_000, At: at + 2_000, Position: 200 + 10*i, Bytes: 10},
			results.Observation{Kind: results.Answered, Cookie: 7, Begin: at + 5_000, At: at + 5_500, Position: 300 + 20*i, Bytes: 20},
		)
	}
	return s
}

// of returns the n-th observation of a kind.
func (s *scene) of(kind results.ObservationKind, n int) *results.Observation {
	for i := range s.in.Observations {
		if s.in.Observations[i].Kind == kind {
			if n == 0 {
				return &s.in.Observations[i]
			}
			n--
		}
	}
	panic("no such observation")
}

// drop makes an observation one that the join doesn't know.
func (s *scene) drop(kind results.ObservationKind, n int) { s.of(kind, n).Kind = 0 }

func (s *scene) dropAll(kind results.ObservationKind) {
	for i := range s.in.Observations {
		if s.in.Observations[i].Kind == kind {
			s.in.Observations[i].Kind = 0
		}
	}
}

func TestAccountOfOneConnection(t *testing.T) {
	tests := []struct {
		name      string
		edit      func(*scene)
		matched   int64
		unmatched map[Reason]int64
		outside   int64
		unfin     int64
		bounded   int64
	}{
		{"all in order", func(s *scene) {}, 5, nil, 0, 0, 0},
		{"error answers are joined too", func(s *scene) { s.in.Requests[2].Outcome = results.ErrorAnswer }, 5, nil, 0, 0, 0},
		{"unfinished requests are not expected", func(s *scene) {
			s.in.Requests[2].Outcome = results.Timeout
			s.in.Requests[3].Outcome = results.Broken
			s.in.Requests[4].Outcome = results.Censored
		}, 2, nil, 0, 3, 0},
		{"sent before the slice", func(s *scene) { s.in.Start = 10_001 }, 4, nil, 1, 0, 0},
		{"received behind the slice", func(s *scene) { s.in.End = 61_999 }, 5, nil, 0, 0, 0},
		{"sent behind the slice", func(s *scene) { s.in.End = s.in.Requests[4].Sent }, 4, nil, 1, 0, 0},
		{"sent before the anchor", func(s *scene) {
			s.in.Syncs[0] = results.Sync{Conn: 3, At: 17_000, Out: 1010, In: 5020}
		}, 4, nil, 1, 0, 0},
		{"no sync", func(s *scene) { s.in.Syncs = nil }, 0, map[Reason]int64{NoAnchor: 5}, 0, 0, 0},
		{"sync of another connection", func(s *scene) { s.in.Syncs[0].Conn = 4 }, 0, map[Reason]int64{NoAnchor: 5}, 0, 0, 0},
		{"sync behind the slice", func(s *scene) { s.in.Syncs[0].At = s.in.End + 1 }, 0, map[Reason]int64{NoAnchor: 5}, 0, 0, 0},
		{"stale sync of an earlier slice is ignored", func(s *scene) {
			s.in.Start = 1_000
			s.in.Syncs = append(s.in.Syncs, results.Sync{Conn: 3, At: 10, Out: 700, In: 800})
		}, 5, nil, 0, 0, 0},
		{"cookie never seen", func(s *scene) { s.connections[0].Cookie = 8 }, 0, map[Reason]int64{UnseenConnection: 5}, 0, 0, 0},
		{"connection never named", func(s *scene) { s.connections = nil }, 0, map[Reason]int64{UnseenConnection: 5}, 0, 0, 0},
		{"no event of one kind", func(s *scene) { s.dropAll(results.Taken) }, 0, map[Reason]int64{NotSeen: 5}, 0, 0, 0},
		{"lost event in the middle", func(s *scene) { s.drop(results.Taken, 2) }, 4, map[Reason]int64{LostEvent: 1}, 0, 0, 0},
		{"two kinds lost of one request", func(s *scene) {
			s.drop(results.Queued, 2)
			s.drop(results.Answered, 2)
		}, 4, map[Reason]int64{LostEvent: 1}, 0, 0, 0},
		{"last event lost", func(s *scene) { s.drop(results.Answered, 4) }, 4, map[Reason]int64{NotSeen: 1}, 0, 0, 0},
		{"first queue event lost", func(s *scene) { s.drop(results.Queued, 0) }, 0, map[Reason]int64{Order: 4, NotSeen: 1}, 0, 0, 0},
		{"first recv lost", func(s *scene) { s.drop(results.Taken, 0) }, 0, map[Reason]int64{Order: 4, NotSeen: 1}, 0, 0, 0},
		{"first answer lost", func(s *scene) { s.drop(results.Answered, 0) }, 0, map[Reason]int64{Order: 4, NotSeen: 1}, 0, 0, 0},
		{"answer's wake-up stamped after the client had read", func(s *scene) {
			s.of(results.Answered, 1).At = 29_999
		}, 5, nil, 0, 0, 0},
		{"no begin of the answer's send", func(s *scene) {
			for n := range 5 {
				s.of(results.Answered, n).Begin = 0
			}
		}, 5, nil, 0, 0, 0},
		{"taken an instant before it was queued", func(s *scene) { s.of(results.Taken, 1).At = 20_900 }, 5, nil, 0, 0, 0},
		{"queued when the client was back on its CPU, long after it was taken", func(s *scene) {
			s.of(results.Queued, 1).At = s.of(results.Taken, 1).At + inversion + 1
		}, 5, nil, 0, 0, 1},
		{"taken before it was sent", func(s *scene) {
			s.of(results.Taken, 1).At = s.in.Requests[1].Sent - inversion
		}, 0, map[Reason]int64{Order: 5}, 0, 0, 0},
		{"the probes can't see queueing, and a recv is lost", func(s *scene) {
			s.dropAll(results.Queued)
			s.in.Unqueued = true
			s.drop(results.Taken, 0)
		}, 0, map[Reason]int64{Order: 4, NotSeen: 1}, 0, 0, 0},
		{"no event of queueing, though the probes see it", func(s *scene) { s.dropAll(results.Queued) }, 0, map[Reason]int64{NotSeen: 5}, 0, 0, 0},
		{"one answered before it was taken", func(s *scene) { s.of(results.Answered, 1).Begin = 21_999 },
			0, map[Reason]int64{Order: 5}, 0, 0, 0}, // one event only vouches for the anchor
		{"one answered before it was taken, anchor proven", func(s *scene) {
			s.witness()
			s.of(results.Answered, 1).Begin = 21_999
		}, 4, map[Reason]int64{Order: 1}, 0, 0, 0},
		{"queued before it was sent", func(s *scene) {
			s.witness()
			s.of(results.Queued, 1).At = 18_000
		}, 0, map[Reason]int64{Order: 5}, 0, 0, 0},
		{"answered after it was received", func(s *scene) {
			s.witness()
			s.of(results.Answered, 1).Begin = 34_000
		}, 0, map[Reason]int64{Order: 5}, 0, 0, 0},
		{"witnesses contradict each other", func(s *scene) {
			s.witness()
			s.drop(results.Queued, 0)
		}, 0, map[Reason]int64{NoAnchor: 5}, 0, 0, 0},
		{"a second sync outvotes a loss beside the first", func(s *scene) {
			s.witness()
			s.drop(results.Queued, 0)
			s.in.Syncs = append(s.in.Syncs, results.Sync{Conn: 3, At: 38_000, Out: 1030, In: 5060})
		}, 4, map[Reason]int64{LostEvent: 1}, 0, 0, 0},
		{"events lost somewhere, anchor on one event", func(s *scene) { s.in.Lost = 1 },
			0, map[Reason]int64{NoAnchor: 5}, 0, 0, 0},
		{"events lost somewhere, anchor proven", func(s *scene) {
			s.witness()
			s.in.Lost = 1
		}, 5, nil, 0, 0, 0},
		{"taken out of the middle of a long send", func(s *scene) {
			// One call queues requests 1 and 2 and wakes up last at 90,000.
			s.in.Requests[2].Sent = 20_000
			q := s.of(results.Queued, 2)
			q.Begin, q.At, q.Position, q.Bytes = 20_500, 90_000, 130, 20
			s.drop(results.Queued, 1)
			s.of(results.Queued, 1).At = 90_000
			later := []*results.Observation{s.of(results.Taken, 2), s.of(results.Answered, 2)}
			later[0].At, later[1].Begin, later[1].At = 91_000, 92_000, 92_500
			s.in.Requests[2].Received = 93_000
			for n := 3; n < 5; n++ {
				r := &s.in.Requests[n]
				r.Sent, r.Received = r.Sent+100_000, r.Received+100_000
				for _, k := range []*results.Observation{s.of(results.Queued, n-1), s.of(results.Taken, n), s.of(results.Answered, n)} {
					k.At += 100_000
					k.Begin += 100_000
				}
			}
		}, 5, nil, 0, 0, 1},
		{"at rest between requests, no sync", func(s *scene) {
			s.in.Syncs = nil
			s.rests()
		}, 4, nil, 1, 0, 0},
		{"at rest between requests, a loss beside the sync", func(s *scene) {
			s.in.Lost = 1
			s.rests()
			s.drop(results.Queued, 0)
		}, 4, map[Reason]int64{LostEvent: 1}, 0, 0, 0},
		{"at rest between requests of which one is missing", func(s *scene) {
			s.in.Syncs = nil
			s.rests()
			s.in.Requests = append(s.in.Requests[:2:2], s.in.Requests[3:]...)
		}, 3, nil, 1, 0, 0},
		{"no rest behind an unfinished request", func(s *scene) {
			s.in.Syncs = nil
			s.rests()
			s.in.Requests = s.in.Requests[:2]
			s.in.Requests[0].Outcome = results.Timeout
		}, 0, map[Reason]int64{NoAnchor: 1}, 0, 1, 0},
		{"empty slice", func(s *scene) { s.in = Input{} }, 0, nil, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(5)
			tt.edit(s)
			m := New()
			m.Connections(s.connections)
			joined := m.Slice(s.in, nil)
			a := m.Account()
			checkIdentity(t, a, len(joined))
			want := Account{Matched: tt.matched, Outside: tt.outside, Unfinished: tt.unfin, Bounded: tt.bounded}
			for r, n := range tt.unmatched {
				want.Unmatched[r] = n
			}
			want.Input, want.Observations, want.Foreign = a.Input, a.Observations, a.Foreign
			if a != want {
				t.Errorf("account\n%+v, want\n%+v", a, want)
			}
			for i := range joined {
				if j := &joined[i]; j.Queued < j.Sent || j.Answered < j.Taken || j.Received < j.Answered {
					t.Errorf("out of order: %+v", *j)
				}
			}
		})
	}
}

// witness adds an event of each kind from before the sync, so that its anchor
// rests on two.
func (s *scene) witness() {
	s.in.Observations = append(s.in.Observations,
		results.Observation{Kind: results.Queued, Cookie: 7, Begin: 600, At: 610, Position: 100, Bytes: 10},
		results.Observation{Kind: results.Taken, Cookie: 7, Begin: 600, At: 620, Position: 200, Bytes: 10},
		// Its last wake-up comes after the sync.
		results.Observation{Kind: results.Answered, Cookie: 7, Begin: 700, At: 4_000, Position: 300, Bytes: 20},
	)
}

// rests has each answer read before the next request is sent.
func (s *scene) rests() {
	for i := range s.in.Requests {
		s.in.Requests[i].Received = s.in.Requests[i].Sent + 6_000
	}
}

func TestStampsOfTheScene(t *testing.T) {
	s := newScene(3)
	m := New()
	m.Connections(s.connections)
	joined := m.Slice(s.in, make([]results.Joined, 1)) // appended behind what is there
	if len(joined) != 4 {
		t.Fatalf("%d joined, want 3 behind the one that was there", len(joined))
	}
	for i, j := range joined[1:] {
		at := 10_000 * int64(i+1)
		if j.Queued != at+1_000 || j.Taken != at+2_000 || j.Answered != at+5_000 {
			t.Errorf("request %d: %d %d %d", i, j.Queued-at, j.Taken-at, j.Answered-at)
		}
		if j.Residual() != 0 || j.SendCall()+j.QueueWait()+j.ServiceTime()+j.ReplyDelivery() != j.RoundTrip() {
			t.Errorf("request %d: legs don't add up", i)
		}
	}
}

func TestConnectionsOpenedDuringTheRun(t *testing.T) {
	s := newScene(2)
	m := New()
	if got := m.Slice(s.in, nil); len(got) != 0 {
		t.Fatalf("joined %d requests of an unknown connection", len(got))
	}
	m.Connections(s.connections)
	m.Connections(s.connections)                                 // all again
	m.Connections([]results.Connection{{Index: 3, Cookie: 99}})  // the first meaning stays
	m.Connections([]results.Connection{{Index: 44, Cookie: 77}}) // one without traffic
	if got := m.Slice(s.in, nil); len(got) != 2 {
		t.Fatalf("joined %d requests, want 2", len(got))
	}
	a := m.Account()
	if a.Input != 4 || a.Matched != 2 || a.Unmatched[UnseenConnection] != 2 || a.Foreign != 6 {
		t.Errorf("account %+v", a)
	}
}

func TestAccountInResultForm(t *testing.T) {
	a := Account{Matched: 999}
	a.Unmatched[LostEvent] = 1
	j := a.Result()
	if j.Requests != 1000 || j.Matched != 999 || j.MatchedPct != 99.9 {
		t.Errorf("%+v", j)
	}
	if len(j.Unmatched) != 1 || j.Unmatched["lost event"] != 1 {
		t.Errorf("unmatched %v", j.Unmatched)
	}
	if j := (Account{}).Result(); j.MatchedPct != 0 || j.Unmatched == nil {
		t.Errorf("empty account: %+v", j)
	}
}
