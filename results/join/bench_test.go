// SPDX-License-Identifier: Apache-2.0

package join

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// BenchmarkSlice reports kernel records a second on one core. The model's
// records come from one CPU (the threads stayed where they were) or from four
// at random, which is the worst a sort can meet.
func BenchmarkSlice(b *testing.B) {
	for _, bb := range []struct {
		name string
		cpus int
	}{{"in order", 1}, {"shuffled over 4 CPUs", 4}} {
		b.Run(bb.name, func(b *testing.B) {
			w := generate(shape{connections: 16, requests: 5_000, before: 50, depth: 8, cpus: bb.cpus}, 1)
			m := New()
			m.Connections(w.connections)
			joined := m.Slice(w.in, nil) // buffers grow with a run's first slice
			b.ReportAllocs()
			for b.Loop() {
				joined = m.Slice(w.in, joined[:0])
			}
			if len(joined) != 16*5_000 {
				b.Fatalf("joined %d", len(joined))
			}
			b.ReportMetric(float64(len(w.in.Observations))*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	w := generate(shape{connections: 8, requests: 200, before: 10, depth: 8, cpus: 3, drop: 0.01}, 1)
	m := New()
	m.Connections(w.connections)
	joined := m.Slice(w.in, nil)
	if n := testing.AllocsPerRun(5, func() { joined = m.Slice(w.in, joined[:0]) }); n != 0 {
		t.Errorf("%v allocations a slice once the buffers have grown, want 0", n)
	}
}

func TestEachIsHandedWhatSliceWouldReturn(t *testing.T) {
	w := generate(shape{connections: 8, requests: 200, before: 10, depth: 8, cpus: 3, drop: 0.01}, 1)
	whole, parts := New(), New()
	whole.Connections(w.connections)
	parts.Connections(w.connections)
	want := whole.Slice(w.in, nil)
	var got []results.Joined
	calls := 0
	w.in.Each = func(some []results.Joined) {
		calls++
		for i := range some {
			if some[i].Conn != some[0].Conn {
				t.Fatalf("connections %d and %d in one part", some[0].Conn, some[i].Conn)
			}
		}
		got = append(got, some...)
	}
	memory := parts.Slice(w.in, nil)
	if len(memory) != 0 || calls != 8 || len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("%d returned; %d parts with %d requests, want 8 with %d", len(memory), calls, len(got), len(want))
	}
	if whole.Account() != parts.Account() {
		t.Errorf("account %+v, want %+v", parts.Account(), whole.Account())
	}
}

// FuzzSliceOfGarbage feeds records that no client and no kernel would make. The
// account must add up, and nothing joined may break its own order.
func FuzzSliceOfGarbage(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, mode uint8) {
		next := func() uint64 {
			var b [8]byte
			data = data[copy(b[:], data):]
			n := binary.LittleEndian.Uint64(b[:])
			if mode&1 == 0 {
				n %= 64 // small numbers meet more often
			}
			return n
		}
		in := Input{Start: int64(next()), End: int64(next()), Lost: next() % 2}
		for len(data) > 0 {
			r := results.Request{
				Sent: int64(next()), Received: int64(next()), OutEnd: next(), InEnd: next(),
				OutLen: uint32(next()), InLen: uint32(next()), Conn: uint32(next() % 3), Outcome: results.Outcome(next() % 5),
			}
			in.Requests = append(in.Requests, r)
			for k := range 2 + next()%3 {
				in.Observations = append(in.Observations, results.Observation{
					Kind: results.ObservationKind(k), Cookie: next() % 3, Begin: int64(next()), At: int64(next()),
					Position: next(), Bytes: uint32(next()),
				})
			}
			in.Syncs = append(in.Syncs, results.Sync{Conn: uint32(next() % 3), At: int64(next()), Out: next(), In: next()})
		}
		m := New()
		m.Connections([]results.Connection{{Index: 0, Cookie: 0}, {Index: 1, Cookie: 1}})
		joined := m.Slice(in, nil)
		checkIdentity(t, m.Account(), len(joined))
	})
}
