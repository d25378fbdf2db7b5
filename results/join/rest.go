// SPDX-License-Identifier: Apache-2.0

package join

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// mostFound is how many rests the join looks for in the client's records, beside
// the syncs.
const mostFound = 3

// rest is an instant at which nothing was under way on a connection.
type rest struct {
	border  int64  // parts the events before it from those behind it
	out, in uint64 // where both streams stood
	gap     int64  // how long nothing was under way; 0 for a sync
}

// findRests collects a connection's rests in m.rests, in the order of time: its
// syncs, and the longest of those that the client's records show by themselves.
// A request that was sent when the answer of the one before it in the stream had
// been read found the connection empty. So a connection whose sync failed still
// has an anchor if it was ever idle, and a loss beside the sync is outvoted.
//
// The connection's requests belong to the population from its first sync on, or
// from its first rest if it has no sync.
func (m *Matcher) findRests(c *connection) {
	m.rests = m.rests[:0]
	c.from = c.in.Start
	first := true
	for n := 1; n < len(c.indices); n++ {
		before, next := &c.in.Requests[c.indices[n-1]], &c.in.Requests[c.indices[n]]
		gap := next.Sent - before.Received
		if gap <= 0 || !answered(before) || next.OutEnd-uint64(next.OutLen) != before.OutEnd {
			continue
		}
		found := rest{before.Received + gap/2, before.OutEnd, before.InEnd, gap}
		if first {
			c.from, first = found.border, false
		}
		m.keepLongest(found)
	}
	if len(c.syncs) > 0 {
		c.from = c.syncs[0].At
	}
	for s := range c.syncs {
		sync := &c.syncs[s]
		// The records may show the same rest: it is one witness, not two.
		m.rests = slices.DeleteFunc(m.rests, func(r rest) bool { return r.out == sync.Out })
		m.rests = append(m.rests, rest{border: c.border(sync), out: sync.Out, in: sync.In})
	}
	slices.SortFunc(m.rests, func(a, b rest) int { return cmp.Compare(a.border, b.border) })
}

// keepLongest keeps r if it is among the longest found so far.
func (m *Matcher) keepLongest(r rest) {
	if len(m.rests) < mostFound {
		m.rests = append(m.rests, r)
		return
	}
	shortest := 0
	for i := range m.rests {
		if m.rests[i].gap < m.rests[shortest].gap {
			shortest = i
		}
	}
	if m.rests[shortest].gap < r.gap {
		m.rests[shortest] = r
	}
}

// border is the instant that parts the events before a sync from those behind
// it. No byte moves between the sync and the start of the next send, so it is
// taken from the middle of the two, away from stamps that come late. Where the
// next request is not among the slice's records it is the sync itself.
func (c *connection) border(s *results.Sync) int64 {
	for _, i := range c.indices {
		r := &c.in.Requests[i]
		if r.Sent < s.At {
			continue
		}
		if r.OutEnd-uint64(r.OutLen) == s.Out {
			return s.At + (r.Sent-s.At)/2
		}
		break
	}
	return s.At
}
