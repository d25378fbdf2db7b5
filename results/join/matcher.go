// SPDX-License-Identifier: Apache-2.0

package join

import "github.com/ipcprobe/ipcprobe/results"

// Input is one probed slice: both views of it.
type Input struct {
	// Start and End bound the population (ns, the load generator's clock): the
	// requests sent between them, whenever they were answered. The probes must
	// have been attached until the last answer came.
	Start, End int64
	// Requests are the client's records, in any order.
	Requests []results.Request
	// Observations are the kernel's records, in any order; they are fastest as
	// one time-ordered run per CPU. Events from before Start are welcome: they
	// vouch for the anchor.
	Observations []results.Observation
	// Syncs are the instants of rest that were made for the join. Those after
	// End, and all but the last before Start, are not used. The probes must have
	// been attached at the ones that are.
	Syncs []results.Sync
	// Unqueued says that the probes can't see when a request is queued: there are no
	// Queued observations, and Queued of the joined requests is 0.
	Unqueued bool
	// Lost is how many events the kernel could not emit since the probes were
	// attached for this slice. While it is 0, an anchor that rests on one event
	// needs no further proof.
	Lost uint64
	// Each is handed the joined requests of one connection after the other, in memory
	// that it must not keep: a slice has some 100,000 of 320 bytes. Nil: Slice returns
	// all of them.
	Each func(joined []results.Joined)
}

// Matcher joins slices one after another, reusing its memory. The zero value
// is not ready: use New. A Matcher is not safe for concurrent use.
type Matcher struct {
	slotOfIndex  map[uint32]int32
	slotOfCookie map[uint64]int32
	slots        int
	account      Account

	// Grouped by connection (and kind), remade for each slice.
	events   grouped[event]
	requests grouped[int32] // indices into Input.Requests
	syncs    grouped[results.Sync]
	rests    []rest // of one connection
	votes    []vote
	sleeps   sleeps
}

// New returns a Matcher that knows no connection yet.
func New() *Matcher {
	return &Matcher{
		slotOfIndex:  make(map[uint32]int32),
		slotOfCookie: make(map[uint64]int32),
	}
}

// Connections makes connections known. It may be called again between slices,
// with those opened since or with all; a cookie or an index that is known
// already keeps its first meaning.
func (m *Matcher) Connections(connections []results.Connection) {
	for _, c := range connections {
		if _, known := m.slotOfIndex[c.Index]; known {
			continue
		}
		if _, known := m.slotOfCookie[c.Cookie]; known {
			continue
		}
		m.slotOfIndex[c.Index] = int32(m.slots)
		m.slotOfCookie[c.Cookie] = int32(m.slots)
		m.slots++
	}
}

// Account returns the sums over all slices so far.
func (m *Matcher) Account() Account { return m.account }

// Slice joins one slice, appends the joined requests to dst, connection after
// connection and each in stream order, and returns it; with Input.Each what it
// returns is empty memory to use again. It allocates only where
// a slice is larger than every one before.
func (m *Matcher) Slice(in Input, dst []results.Joined) []results.Joined {
	a := Account{
		Input:        int64(len(in.Requests)),
		Observations: int64(len(in.Observations)),
	}
	a.Foreign = m.groupEvents(in.Observations)
	m.sleeps.reset(in.Observations)
	m.groupSyncs(&in)
	m.groupRequests(&in, &a)
	if in.Each == nil {
		dst = roomFor(dst, len(in.Requests))
	}
	for slot := range m.slots {
		indices := m.requests.of(slot)
		if len(indices) == 0 {
			continue
		}
		inStreamOrder(in.Requests, indices)
		c := connection{in: &in, indices: indices, syncs: m.syncs.of(slot)}
		for k := range c.kinds {
			c.kinds[k].events = m.events.of(slot*kinds + k)
		}
		if in.Each == nil {
			dst = m.match(&c, &a, dst)
			continue
		}
		dst = m.match(&c, &a, roomFor(dst, len(indices)))
		in.Each(dst)
		dst = dst[:0]
	}
	m.account.add(a)
	return dst
}

// roomFor makes room for n requests and some more, for those of the next slice.
func roomFor(dst []results.Joined, n int) []results.Joined {
	if len(dst)+n <= cap(dst) {
		return dst
	}
	return append(make([]results.Joined, 0, len(dst)+n+n/8), dst...)
}
