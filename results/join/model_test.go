// SPDX-License-Identifier: Apache-2.0

package join

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// traffic is what a model of clients and a server on stream sockets did, with
// the truth of each request.
type traffic struct {
	in          Input
	connections []results.Connection
	truth       map[uint64]truth // by connection index and OutEnd
	// beside is true for connections that lost an event next to their sync.
	beside map[uint32]bool
}

// truth is what the kernel's stamps of a request should be, and whether one of
// the events that carried them was lost.
type truth struct {
	queued, taken, answered int64
	lost                    bool
}

func key(conn uint32, outEnd uint64) uint64 { return uint64(conn)<<48 ^ outEnd }

// shape says what the model's traffic looks like.
type shape struct {
	connections int
	requests    int     // on each connection, behind the sync
	before      int     // on each connection, before the sync
	depth       int     // requests in flight
	split       bool    // sends, recvs and answers may end anywhere
	coalesce    bool    // one call may carry several messages
	busy        bool    // behind the sync a connection is never at rest; needs a depth of 2
	drop        float64 // share of events that are lost
	cpus        int
}

// generate runs the model. All randomness comes from the seed.
func generate(s shape, seed uint64) *traffic {
	rng := rand.New(rand.NewPCG(seed, 1))
	t := &traffic{truth: make(map[uint64]truth), beside: make(map[uint32]bool)}
	t.in.Start = 1_000_000
	t.in.End = 1 << 60
	perCPU := make([][]results.Observation, s.cpus)
	for i := range s.connections {
		c := newModel(s, rng, uint32(i))
		c.run(s.before)
		if s.before > 0 {
			c.now += rng.Int64N(200_000)
		}
		t.in.Syncs = append(t.in.Syncs, results.Sync{Conn: c.index, At: c.now, Out: c.out.sent, In: c.in.read})
		border := [3]int{len(c.kernel[0]), len(c.kernel[1]), len(c.kernel[2])}
		c.now += 200 + rng.Int64N(100_000)
		c.run(s.requests)
		c.lose(s.drop, border, t)
		for _, o := range c.surviving {
			cpu := rng.IntN(s.cpus)
			perCPU[cpu] = append(perCPU[cpu], o)
		}
		t.in.Requests = append(t.in.Requests, c.records...)
		t.connections = append(t.connections, results.Connection{Index: c.index, Cookie: c.cookie})
	}
	for _, run := range perCPU {
		slices.SortStableFunc(run, func(a, b results.Observation) int { return cmp.Compare(a.At, b.At) })
		t.in.Observations = append(t.in.Observations, run...)
	}
	slices.SortStableFunc(t.in.Requests, func(a, b results.Request) int { return cmp.Compare(a.Received, b.Received) })
	return t
}

// stream is one direction of a connection.
type stream struct{ sent, read uint64 }

// modelConnection is one connection of the model.
type modelConnection struct {
	shape
	rng     *rand.Rand
	index   uint32
	cookie  uint64
	now     int64
	base    [4]uint64 // where the kernel's cursors started
	out, in stream

	records  []results.Request
	answered uint64 // bytes of answers that the server has sent
	complete int    // requests that the server has wholly taken
	lastRecv int64

	kernel    [3][]results.Observation // by kind, none lost
	delivered []results.Observation
	surviving []results.Observation
}

func newModel(s shape, rng *rand.Rand, index uint32) *modelConnection {
	c := &modelConnection{shape: s, rng: rng, index: index, cookie: rng.Uint64()}
	c.now = 1_000_000 + rng.Int64N(100_000)
	c.lastRecv = c.now
	for k := range c.base {
		c.base[k] = rng.Uint64N(1 << 40)
	}
	// The client's streams began before the slice, at positions of their own.
	c.out.sent = rng.Uint64N(1 << 30)
	c.in.sent = rng.Uint64N(1 << 30)
	c.out.read, c.in.read, c.answered = c.out.sent, c.in.sent, c.in.sent
	for k, at := range []uint64{c.out.sent, c.out.sent, c.in.sent, c.in.sent} {
		c.base[k] -= at
	}
	return c
}

// run sends n requests and reads all their answers.
func (c *modelConnection) run(n int) {
	goal := len(c.records) + n
	inEnd := c.in.read
	for _, r := range c.records {
		inEnd = r.InEnd
	}
	begun := len(c.records)
	plan := make([]results.Request, 0, n)
	outEnd := c.out.sent
	for range n {
		r := results.Request{Conn: c.index, OutLen: 6 + c.rng.Uint32N(2000), InLen: 6 + c.rng.Uint32N(3000)}
		outEnd += uint64(r.OutLen)
		inEnd += uint64(r.InLen)
		r.OutEnd, r.InEnd = outEnd, inEnd
		plan = append(plan, r)
	}
	done := begun
	for done < goal {
		switch c.rng.IntN(4) {
		case 0:
			c.send(plan, begun, goal, done)
		case 1:
			c.recv()
		case 2:
			c.answer()
		case 3:
			done = c.read(done, goal)
		}
		c.now += 1_000 + c.rng.Int64N(20_000)
	}
}

// part picks how many of n bytes a call moves.
func (c *modelConnection) part(n uint64) uint64 {
	if c.split && c.rng.IntN(3) == 0 {
		return 1 + c.rng.Uint64N(n)
	}
	return n
}

func (c *modelConnection) send(plan []results.Request, begun, goal, done int) {
	end := c.out.sent
	if n := len(c.records); n > 0 {
		end = max(end, c.records[n-1].OutEnd) // a request may be half sent
	}
	room := c.depth - (len(c.records) - done)
	more := min(room, goal-len(c.records))
	if end == c.out.sent || c.coalesce {
		if !c.coalesce {
			more = min(more, 1)
		}
		if more > 0 {
			more = 1 + c.rng.IntN(more)
			end = plan[len(c.records)-begun+more-1].OutEnd
		}
	}
	if end == c.out.sent {
		return
	}
	sent := c.now
	old := c.out.sent
	c.out.sent += c.part(end - old)
	for next := len(c.records) - begun; next < len(plan); next++ {
		r := plan[next]
		if r.OutEnd-uint64(r.OutLen) >= c.out.sent {
			break
		}
		r.Sent, r.Intended = sent, sent
		c.records = append(c.records, r)
	}
	c.now += 100 + c.rng.Int64N(5_000)
	c.emit(results.Queued, results.Observation{Begin: sent + 50, At: c.now + c.rng.Int64N(900)}, old, c.out.sent)
	c.now += c.rng.Int64N(1_000)
}

func (c *modelConnection) recv() {
	if c.out.read == c.out.sent {
		return
	}
	old := c.out.read
	c.out.read += c.part(c.out.sent - old)
	c.now += 100 + c.rng.Int64N(1_000)
	c.emit(results.Taken, results.Observation{Begin: c.lastRecv, At: c.now}, old, c.out.read)
	c.lastRecv = c.now + 10
	for c.complete < len(c.records) && c.records[c.complete].OutEnd <= c.out.read {
		c.complete++
	}
}

func (c *modelConnection) answer() {
	if c.complete == 0 {
		return
	}
	first := 0
	for first < c.complete && c.records[first].InEnd <= c.answered {
		first++
	}
	if first == c.complete {
		return
	}
	last := first
	if c.coalesce {
		last += c.rng.IntN(c.complete - first)
	}
	old := c.answered
	c.answered += c.part(c.records[last].InEnd - old)
	begin := c.now
	c.now += 100 + c.rng.Int64N(2_000)
	// The return may come late, when the client has read the answer already.
	late := c.now + c.rng.Int64N(80_000)
	c.emit(results.Answered, results.Observation{Begin: begin, At: late}, old, c.answered)
}

func (c *modelConnection) read(done, goal int) int {
	old, limit := c.in.read, c.answered
	if n := len(c.records); c.busy && n > 0 && n < goal {
		limit = min(limit, c.records[n-1].InEnd-1)
	}
	if limit <= old {
		return done
	}
	c.in.read += c.part(limit - old)
	c.now += 100 + c.rng.Int64N(1_000)
	c.delivered = append(c.delivered, results.Observation{
		At: c.now, Cookie: c.cookie, Kind: results.Delivered,
		Position: c.base[3] + c.in.read, Bytes: uint32(c.in.read - old),
	})
	for done < len(c.records) && c.records[done].InEnd <= c.in.read {
		c.records[done].Received = c.now + 80
		done++
	}
	c.now += 100
	return done
}

func (c *modelConnection) emit(kind results.ObservationKind, o results.Observation, old, end uint64) {
	o.Kind, o.Cookie = kind, c.cookie
	o.Position = c.base[kind-1] + end
	o.Bytes = uint32(end - old)
	c.kernel[kind-1] = append(c.kernel[kind-1], o)
}

// lose drops events and writes down the truth of each request.
func (c *modelConnection) lose(share float64, border [3]int, t *traffic) {
	lost := [3][]bool{}
	for k := range c.kernel {
		lost[k] = make([]bool, len(c.kernel[k]))
		for i, o := range c.kernel[k] {
			if lost[k][i] = c.rng.Float64() < share; lost[k][i] {
				t.in.Lost++
				if i == border[k] || i == border[k]-1 {
					t.beside[c.index] = true
				}
				continue
			}
			c.surviving = append(c.surviving, o)
		}
	}
	c.surviving = append(c.surviving, c.delivered...)
	next := [3]int{}
	for _, r := range c.records {
		var stamps [3]int64
		gone := false
		for k, end := range []uint64{r.OutEnd, r.OutEnd, r.InEnd} {
			for c.kernel[k][next[k]].Position-c.base[k] < end {
				next[k]++
			}
			o := c.kernel[k][next[k]]
			stamps[k] = o.At
			if k == 2 {
				stamps[k] = o.Begin
			}
			gone = gone || lost[k][next[k]]
		}
		t.truth[key(r.Conn, r.OutEnd)] = truth{stamps[0], stamps[1], stamps[2], gone}
	}
}
