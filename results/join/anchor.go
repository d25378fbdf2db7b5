// SPDX-License-Identifier: Apache-2.0

package join

// The kinds of event, as indices.
const (
	queued = iota
	taken
	answer
)

// cursor is the kernel's view of one kind of event on one connection.
type cursor struct {
	events []event
	offset uint64 // the kernel's count at the client's position 0, modulo 2^64
	next   int    // where the walk stands
	// witnesses is how many pieces of evidence gave the offset.
	witnesses int
}

// vote is a candidate for a cursor's offset and how many pieces of evidence
// gave it.
type vote struct {
	offset uint64
	count  int
}

// convicting is how many events of a kind are enough to show a wrong anchor by
// the order of stamps that it leads to.
const convicting = 100

// anchored is what became of a cursor's anchor.
type anchored uint8

const (
	anchorFound anchored = iota
	anchorDisputed
	anchorWithoutEvents
)

// anchor finds the offset of a cursor from the connection's rests.
//
// Each rest is two pieces of evidence: the first event behind it begins at the
// rest's position, and the last event before it ends there. They agree unless
// an event was lost beside the rest. The offset with most votes holds; if two
// are level, the anchor is in doubt and the connection is not measured.
//
// Two pieces that agree prove the offset. A single one proves it where no event
// was lost. Else it is taken only with enough events behind it for the order of
// the stamps to convict it, should it be wrong: see tolerated.
func (m *Matcher) anchor(c *connection, kind int) anchored {
	k := &c.kinds[kind]
	if len(k.events) == 0 {
		return anchorWithoutEvents
	}
	m.votes = m.votes[:0]
	i := 0
	for _, rest := range m.rests {
		position := rest.out
		if kind == answer {
			position = rest.in
		}
		for i < len(k.events) && k.events[i].moment(kind) <= rest.border {
			i++
		}
		if i < len(k.events) {
			m.vote(k.events[i].start - position)
		}
		if i > 0 {
			m.vote(k.events[i-1].end - position)
		}
	}
	best := vote{}
	level := false
	for _, v := range m.votes {
		if v.count == best.count {
			level = true
		}
		if v.count > best.count {
			best, level = v, false
		}
	}
	if level || best.count == 1 && c.in.Lost > 0 && len(k.events) < convicting {
		return anchorDisputed
	}
	k.offset, k.witnesses = best.offset, best.count
	return anchorFound
}

func (m *Matcher) vote(offset uint64) {
	for i := range m.votes {
		if m.votes[i].offset == offset {
			m.votes[i].count++
			return
		}
	}
	m.votes = append(m.votes, vote{offset, 1})
}

// moment is the stamp that says on which side of a rest an event lies. For a
// send of the server that is the entry of the call: its last sk_data_ready may
// fire after the client has read the bytes, and so inside the rest; it can't
// enter the next send before the client has sent the next request. A recv may
// have been blocked since before the rest, so for it, as for the client's own
// send, it is the moment of the bytes.
func (e *event) moment(kind int) int64 {
	if kind == answer && e.begin != 0 {
		return e.begin
	}
	return e.at
}
