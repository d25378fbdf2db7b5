// SPDX-License-Identifier: Apache-2.0

package join

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// kinds is how many kinds of observation the join reads: Queued, Taken and
// Answered. Delivered is not needed: the client stamps that end itself.
const kinds = 3

// event is what the join needs of an Observation, small enough to sort.
type event struct {
	start, end uint64 // the kernel's cursor before and behind the event's bytes
	at, begin  int64
	source     int32 // index of the Observation
}

// grouped holds items in the order of their group, by counting sort: two passes
// over the input and no allocation once the buffers have grown.
type grouped[T any] struct {
	key   []int32 // of each input item; -1: in no group
	first []int32 // of each group: index in items; one more at the end
	items []T
}

// reset makes room for n input items in the given number of groups.
func (g *grouped[T]) reset(n, groups int) {
	g.key = slices.Grow(g.key[:0], n)[:n]
	g.first = slices.Grow(g.first[:0], groups+1)[:groups+1]
	clear(g.first)
}

// assign puts input item i in a group; a negative one leaves it out.
func (g *grouped[T]) assign(i int, group int32) {
	g.key[i] = group
	if group >= 0 {
		g.first[group]++
	}
}

// place turns the groups' sizes into their starts. After it, put must be called
// for each input item from the last to the first.
func (g *grouped[T]) place() {
	sum := int32(0)
	for i, size := range g.first {
		sum += size
		g.first[i] = sum
	}
	g.items = slices.Grow(g.items[:0], int(sum))[:sum]
}

// put stores input item i in its group.
func (g *grouped[T]) put(i int, item T) {
	group := g.key[i]
	g.first[group]--
	g.items[g.first[group]] = item
}

// of returns the items of a group in the order of the input.
func (g *grouped[T]) of(group int) []T {
	return g.items[g.first[group]:g.first[group+1]]
}

// groupEvents sorts the observations by connection, kind and position. It
// returns how many belong to no connection that was named.
func (m *Matcher) groupEvents(observations []results.Observation) (foreign int64) {
	g := &m.events
	g.reset(len(observations), m.slots*kinds)
	var cookie uint64
	slot, known := int32(0), false
	for i := range observations {
		o := &observations[i]
		if o.Cookie != cookie || !known {
			cookie = o.Cookie
			slot, known = m.slotOfCookie[cookie]
		}
		switch {
		case !known:
			foreign++
			g.assign(i, -1)
		case o.Bytes == 0 || o.Kind < results.Queued || o.Kind > results.Answered:
			g.assign(i, -1)
		default:
			g.assign(i, slot*kinds+int32(o.Kind-results.Queued))
		}
	}
	g.place()
	for i := len(observations) - 1; i >= 0; i-- {
		if g.key[i] < 0 {
			continue
		}
		o := &observations[i]
		g.put(i, event{
			start:  o.Position - uint64(o.Bytes),
			end:    o.Position,
			at:     o.At,
			begin:  o.Begin,
			source: int32(i),
		})
	}
	for k := range m.slots * kinds {
		byPosition(g.of(k))
	}
	return foreign
}

// byPosition sorts events by the cursor behind them. They come sorted unless
// the caller moved between CPUs.
func byPosition(events []event) {
	for i := 1; i < len(events); i++ {
		if events[i].end < events[i-1].end {
			slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.end, b.end) })
			return
		}
	}
}

// groupSyncs sorts the usable syncs by connection and time.
func (m *Matcher) groupSyncs(in *Input) {
	g := &m.syncs
	g.reset(len(in.Syncs), m.slots)
	for i := range in.Syncs {
		slot, known := m.slotOfIndex[in.Syncs[i].Conn]
		if !known || in.Syncs[i].At > in.End {
			slot = -1
		}
		g.assign(i, slot)
	}
	g.place()
	for i := len(in.Syncs) - 1; i >= 0; i-- {
		if g.key[i] >= 0 {
			g.put(i, in.Syncs[i])
		}
	}
	for slot := range m.slots {
		slices.SortFunc(g.of(slot), func(a, b results.Sync) int { return cmp.Compare(a.At, b.At) })
	}
}

// groupRequests sorts the requests by connection. Those of a connection that
// nobody named are accounted for here and left out.
func (m *Matcher) groupRequests(in *Input, a *Account) {
	g := &m.requests
	g.reset(len(in.Requests), m.slots)
	for i := range in.Requests {
		r := &in.Requests[i]
		slot, known := m.slotOfIndex[r.Conn]
		if !known {
			slot = -1
			switch {
			case !answered(r):
				a.Unfinished++
			case r.Sent < in.Start || r.Sent >= in.End:
				a.Outside++
			default:
				a.Unmatched[UnseenConnection]++
			}
		}
		g.assign(i, slot)
	}
	g.place()
	for i := len(in.Requests) - 1; i >= 0; i-- {
		if g.key[i] >= 0 {
			g.put(i, int32(i))
		}
	}
}

// inStreamOrder sorts the indices of one connection's requests by position.
func inStreamOrder(requests []results.Request, indices []int32) {
	for i := 1; i < len(indices); i++ {
		if requests[indices[i]].OutEnd < requests[indices[i-1]].OutEnd {
			slices.SortStableFunc(indices, func(a, b int32) int {
				return cmp.Compare(requests[a].OutEnd, requests[b].OutEnd)
			})
			return
		}
	}
}

// answered tells whether a whole answer arrived.
func answered(r *results.Request) bool {
	return r.Outcome == results.OK || r.Outcome == results.ErrorAnswer
}
