// SPDX-License-Identifier: Apache-2.0

package join

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// inversion is by how much a server may seem to take bytes before they were
	// queued (ns) by a crossing alone. The kernel makes them visible an instant
	// before the stamp; more than this is no longer that.
	inversion = 50_000
	// clockSlack is by how much two readings of CLOCK_MONOTONIC, one through
	// the vDSO and one in the kernel, may be out of order (ns).
	clockSlack = 1_000
	// preempted is by how much the end of a send may come after the client has read
	// what it carried (ns): the client that it wakes may take the sender's CPU. It
	// stands for the begin of sends whose entry was not seen.
	preempted = 50_000_000
)

// connection is what one slice holds of one connection.
type connection struct {
	in      *Input
	indices []int32 // of its requests, in stream order
	syncs   []results.Sync
	from    int64 // where the population begins
	kinds   [kinds]cursor
}

// verdict is what a request's stamps say about the join.
type verdict uint8

const (
	plausible  verdict = iota
	odd                // this request's order can't be; many of these condemn the connection
	impossible         // the anchor is wrong
)

// match joins one connection's requests and appends them to dst.
func (m *Matcher) match(c *connection, a *Account, dst []results.Joined) []results.Joined {
	c.dropStaleSyncs()
	m.findRests(c)
	if reason, ok := m.anchorAll(c); !ok {
		for _, i := range c.indices {
			if c.inPopulation(i, a) {
				a.Unmatched[reason]++
			}
		}
		return dst
	}
	var (
		begin    = len(dst)
		bounded  int64
		odds     int
		wrong    bool
		verdicts int
	)
	for n, i := range c.indices {
		if !c.inPopulation(i, a) {
			continue
		}
		// Made where it will stay: it is large. What can't be joined is taken back.
		at := len(dst)
		dst = append(dst, results.Joined{})
		j := &dst[at]
		j.Request = c.in.Requests[i]
		found, reason, ok := c.find(j)
		if !ok {
			a.Unmatched[reason]++
			dst = dst[:at]
			continue
		}
		verdicts++
		isBound := c.bound(j, found[queued])
		switch c.judge(j, n, found) {
		case plausible:
			m.split(j, found, c.in)
			if isBound {
				bounded++
			}
			continue
		case odd:
			odds++
		case impossible:
			wrong = true
		}
		a.Unmatched[Order]++
		dst = dst[:at]
	}
	if wrong || odds > c.tolerated(verdicts) {
		a.Unmatched[Order] += int64(len(dst) - begin)
		return dst[:begin]
	}
	a.Matched += int64(len(dst) - begin)
	a.Bounded += bounded
	return dst
}

// tolerated is how many odd requests out of n a connection may have before none
// of it is trusted: one, and one in a hundred; none where a cursor's anchor rests
// on a single event, which may be the wrong one.
func (c *connection) tolerated(n int) int {
	for k := c.first(); k < kinds; k++ {
		if c.kinds[k].witnesses < 2 {
			return 0
		}
	}
	return 1 + n/100
}

// first is the first kind of event that there can be.
func (c *connection) first() int {
	if c.in.Unqueued {
		return taken
	}
	return queued
}

// dropStaleSyncs leaves the last sync at or before the slice's start and all
// behind it.
func (c *connection) dropStaleSyncs() {
	for len(c.syncs) > 1 && c.syncs[1].At <= c.in.Start {
		c.syncs = c.syncs[1:]
	}
}

// inPopulation tells whether a request was sent inside the slice and behind
// its connection's first rest. It accounts for those that did not.
func (c *connection) inPopulation(i int32, a *Account) bool {
	r := &c.in.Requests[i]
	switch {
	case !answered(r):
		a.Unfinished++
	case r.Sent < c.in.Start || r.Sent >= c.in.End:
		a.Outside++
	case r.Sent < c.from:
		a.Outside++
	default:
		return true
	}
	return false
}

// anchorAll anchors the three cursors, or says why none of the connection's
// requests can be joined.
func (m *Matcher) anchorAll(c *connection) (Reason, bool) {
	seen := false
	for k := range c.kinds {
		seen = seen || len(c.kinds[k].events) > 0
	}
	if !seen {
		return UnseenConnection, false
	}
	if len(m.rests) == 0 {
		return NoAnchor, false
	}
	for k := c.first(); k < kinds; k++ {
		switch m.anchor(c, k) {
		case anchorDisputed:
			return NoAnchor, false
		case anchorWithoutEvents:
			return NotSeen, false
		}
	}
	return 0, true
}

// find fills in the kernel's stamps of a request: those of the first event of
// each kind whose cursor has passed the request's last byte, or its answer's.
func (c *connection) find(j *results.Joined) (found [kinds]*event, reason Reason, ok bool) {
	ok = true
	for k := c.first(); k < kinds; k++ {
		end := j.OutEnd
		if k == answer {
			end = j.InEnd
		}
		cursor := &c.kinds[k]
		target := cursor.offset + end
		e := cursor.seek(target)
		switch {
		case e == nil && ok:
			reason, ok = NotSeen, false
		case e != nil && e.start >= target:
			reason, ok = LostEvent, false
		}
		found[k] = e
	}
	if ok {
		if found[queued] != nil {
			j.Queued = found[queued].at
		}
		j.Taken = found[taken].at
		j.Answered = found[answer].moment(answer)
		if late := j.Answered - j.Received; found[answer].begin == 0 && late > 0 && late < preempted {
			j.Answered = j.Received // the latest that the answer can have been sent
		}
	}
	return found, reason, ok
}

// seek returns the first event whose cursor is at or beyond target, or nil.
// Targets rise on a connection whose answers keep the order of the requests;
// where one falls, the walk jumps back.
func (k *cursor) seek(target uint64) *event {
	if k.next > 0 && k.events[k.next-1].end >= target {
		k.next, _ = slices.BinarySearchFunc(k.events, target, func(e event, target uint64) int {
			return cmp.Compare(e.end, target)
		})
	}
	for ; k.next < len(k.events); k.next++ {
		if k.events[k.next].end >= target {
			return &k.events[k.next]
		}
	}
	return nil
}

// bound sets Queued of a request that was taken before the moment at which it is said
// to have been queued: that is the latest it can have been. A send call q of several
// buffers is stamped at its last, and one that wakes nobody as it ends. It was queued
// after the call began and before it was taken; the later of the two stands for it.
// Says whether that is more than a crossing of two CPUs' stamps.
func (c *connection) bound(j *results.Joined, q *event) bool {
	early := j.Queued - j.Taken
	if q == nil || early <= 0 || j.Taken < max(q.begin, j.Sent) {
		return false
	}
	j.Queued = j.Taken
	return early > inversion
}

// judge looks for an order of stamps that can't have happened. The client
// sends, then the kernel queues; the server enters its send, then the client
// has read: where one of these is the wrong way round, the bytes are not the
// request's.
func (c *connection) judge(j *results.Joined, n int, found [kinds]*event) verdict {
	slack := int64(clockSlack)
	if found[answer].begin == 0 {
		slack = inversion // the moment is the send's end, behind the bytes
	}
	first := j.Queued
	if !j.QueueSeen() {
		first = j.Taken
	}
	if first < j.Sent-clockSlack || j.Answered > j.Received+slack {
		return impossible
	}
	if !j.QueueSeen() {
		if j.Answered < j.Taken {
			return odd
		}
		return plausible
	}
	// All of the kernel's own clock: the server took what was queued, and then
	// it answered.
	if j.Answered < j.Taken || j.Answered < j.Queued || j.Taken < j.Queued-inversion {
		return odd
	}
	if c.queuedTooLate(j, n, found[queued]) {
		return odd
	}
	return plausible
}

// queuedTooLate tells whether send call q, which is said to have carried the
// whole request and nothing behind it, began only after the client had begun
// to send the next one.
func (c *connection) queuedTooLate(j *results.Joined, n int, q *event) bool {
	if q.begin == 0 || n+1 == len(c.indices) {
		return false
	}
	next := &c.in.Requests[c.indices[n+1]]
	offset := c.kinds[queued].offset
	return next.OutEnd-uint64(next.OutLen) == j.OutEnd &&
		q.end == offset+j.OutEnd &&
		q.end-q.start >= uint64(j.OutLen) &&
		next.Sent > j.Sent && q.begin > next.Sent
}
