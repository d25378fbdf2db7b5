// SPDX-License-Identifier: Apache-2.0

package join

import (
	"fmt"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// population is the number of requests that a slice's join owes an answer for,
// counted without the join's own code.
func population(in *Input) (n int64) {
	anchor := make(map[uint32]int64)
	for _, s := range in.Syncs {
		anchor[s.Conn] = s.At
	}
	for _, r := range in.Requests {
		if (r.Outcome == results.OK || r.Outcome == results.ErrorAnswer) &&
			r.Sent >= in.Start && r.Sent >= anchor[r.Conn] && r.Sent < in.End {
			n++
		}
	}
	return n
}

// checkIdentity fails unless the account adds up.
func checkIdentity(t *testing.T, a Account, joined int) {
	t.Helper()
	if got := a.Requests() + a.Outside + a.Unfinished; got != a.Input {
		t.Errorf("matched + unmatched + outside + unfinished = %d, input %d: %+v", got, a.Input, a)
	}
	if a.Matched != int64(joined) {
		t.Errorf("matched %d, joined %d", a.Matched, joined)
	}
}

// checkTruth fails where a joined request carries a stamp that is not its own.
func checkTruth(t *testing.T, w *traffic, joined []results.Joined) {
	t.Helper()
	for i := range joined {
		j := &joined[i]
		want := w.truth[key(j.Conn, j.OutEnd)]
		if j.Queued != want.queued || j.Taken != want.taken || j.Answered != want.answered {
			t.Fatalf("conn %d, end %d: queued, taken, answered = %d, %d, %d, want %d, %d, %d",
				j.Conn, j.OutEnd, j.Queued, j.Taken, j.Answered, want.queued, want.taken, want.answered)
		}
		if want.lost {
			t.Fatalf("conn %d, end %d: joined, but one of its events was lost", j.Conn, j.OutEnd)
		}
	}
}

func shapes() []shape {
	var all []shape
	for _, depth := range []int{1, 2, 8, 64} {
		for _, split := range []bool{false, true} {
			for _, coalesce := range []bool{false, true} {
				for _, before := range []int{0, 20} {
					s := shape{
						connections: 5, requests: 200, before: before, depth: depth,
						split: split, coalesce: coalesce, cpus: 4,
					}
					all = append(all, s)
					if s.busy = depth > 1; s.busy {
						all = append(all, s)
					}
				}
			}
		}
	}
	return all
}

func TestEveryRequestIsJoinedWithItsOwnStamps(t *testing.T) {
	for _, s := range shapes() {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			for seed := range uint64(10) {
				w := generate(s, seed)
				m := New()
				m.Connections(w.connections)
				joined := m.Slice(w.in, nil)
				checkTruth(t, w, joined)
				checkIdentity(t, m.Account(), len(joined))
				if want := int64(s.connections * s.requests); population(&w.in) != want {
					t.Fatalf("the model made a population of %d, want %d", population(&w.in), want)
				} else if m.Account().Matched != want {
					t.Fatalf("seed %d: matched %d of %d: %+v", seed, m.Account().Matched, want, m.Account())
				}
			}
		})
	}
}

func TestLostEventsCostOnlyTheirRequests(t *testing.T) {
	for _, s := range shapes() {
		if s.before == 0 {
			continue // a loss beside the sync has no second witness; see below
		}
		s.drop = 0.02
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			for seed := range uint64(10) {
				w := generate(s, seed)
				m := New()
				m.Connections(w.connections)
				joined := m.Slice(w.in, nil)
				checkTruth(t, w, joined)
				checkIdentity(t, m.Account(), len(joined))
				checkOnlyLostAreMissing(t, w, joined)
			}
		})
	}
}

// checkOnlyLostAreMissing fails where a request of a soundly anchored
// connection is missing although all its events arrived.
func checkOnlyLostAreMissing(t *testing.T, w *traffic, joined []results.Joined) {
	t.Helper()
	have := make(map[uint64]bool, len(joined))
	for i := range joined {
		have[key(joined[i].Conn, joined[i].OutEnd)] = true
	}
	for _, r := range w.in.Requests {
		k := key(r.Conn, r.OutEnd)
		if w.beside[r.Conn] || r.Sent < w.in.Syncs[r.Conn].At || w.truth[k].lost {
			continue
		}
		if !have[k] {
			t.Fatalf("conn %d, end %d: not joined, though none of its events was lost", r.Conn, r.OutEnd)
		}
	}
}

// A loss right behind a sync that has no event before it, on a connection that
// is never at rest again, leaves no witness but the order of the stamps. It must
// never give a leg that isn't true.
func TestLossBehindTheSyncNeverGivesWrongLegs(t *testing.T) {
	for _, depth := range []int{2, 8} {
		for _, coalesce := range []bool{false, true} {
			for kind := range kinds {
				t.Run(fmt.Sprintf("depth %d, coalesce %v, kind %d", depth, coalesce, kind), func(t *testing.T) {
					for seed := range uint64(50) {
						w := generate(shape{connections: 1, requests: 300, depth: depth, coalesce: coalesce, busy: true, cpus: 1}, seed)
						w.loseFirst(results.ObservationKind(kind) + results.Queued)
						m := New()
						m.Connections(w.connections)
						joined := m.Slice(w.in, nil)
						checkTruth(t, w, joined)
						checkIdentity(t, m.Account(), len(joined))
						if a := m.Account(); a.Unmatched[Order]+a.Unmatched[NoAnchor] == 0 {
							t.Fatalf("seed %d: the anchor was not doubted: %+v", seed, a)
						}
					}
				})
			}
		}
	}
}

// A connection that is at rest now and then needs no sync.
func TestRestsInTheRecordsStandInForAFailedSync(t *testing.T) {
	for seed := range uint64(20) {
		w := generate(shape{connections: 3, requests: 300, before: 5, depth: 2, split: true, coalesce: true, drop: 0.01, cpus: 2}, seed)
		w.in.Syncs = nil
		m := New()
		m.Connections(w.connections)
		joined := m.Slice(w.in, nil)
		checkTruth(t, w, joined)
		a := m.Account()
		checkIdentity(t, a, len(joined))
		if a.Matched < 9*a.Input/10 || a.Unmatched[NoAnchor] != 0 {
			t.Fatalf("seed %d: %+v: want most requests matched", seed, a)
		}
	}
}

// loseFirst drops the first event of a kind, by position: the stamps of answers
// may come late.
func (w *traffic) loseFirst(kind results.ObservationKind) {
	first := -1
	for i, o := range w.in.Observations {
		if o.Kind == kind && (first < 0 || int64(o.Position-w.in.Observations[first].Position) < 0) {
			first = i
		}
	}
	w.in.Observations = append(w.in.Observations[:first], w.in.Observations[first+1:]...)
	w.in.Lost++
}

func TestSlicesCutRequestsAtBothEnds(t *testing.T) {
	w := generate(shape{connections: 3, requests: 400, before: 10, depth: 4, split: true, coalesce: true, cpus: 2}, 3)
	w.in.Start = w.in.Syncs[0].At + 500_000
	w.in.End = w.in.Start + 1_500_000
	m := New()
	m.Connections(w.connections)
	joined := m.Slice(w.in, nil)
	checkTruth(t, w, joined)
	checkIdentity(t, m.Account(), len(joined))
	if got, want := m.Account().Requests(), population(&w.in); got != want || want == 0 {
		t.Errorf("population %d, want %d", got, want)
	}
	if m.Account().Matched != m.Account().Requests() || m.Account().Outside == 0 {
		t.Errorf("account %+v: want all matched and some outside", m.Account())
	}
}

func FuzzSliceNeverInvents(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, byte(seed), byte(3*seed), byte(7*seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, a, b, c byte) {
		s := shape{
			connections: 1 + int(a%4), requests: int(b), before: 1 + int(c%16), depth: 1 + int(a>>2),
			split: b&1 == 0, coalesce: c&1 == 0, drop: float64(c) / 1024, cpus: 1 + int(a%3),
		}
		s.busy = s.depth > 1 && b&2 == 0
		w := generate(s, seed)
		if c&2 == 0 {
			w.in.Syncs = w.in.Syncs[:len(w.in.Syncs)/2]
		}
		m := New()
		m.Connections(w.connections)
		joined := m.Slice(w.in, nil)
		checkIdentity(t, m.Account(), len(joined))
		checkTruth(t, w, joined)
	})
}
