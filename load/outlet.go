// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"io"
	"time"
)

// tickEvery is how often the engine empties the workers' mailboxes during a
// slice: seldom, because each time takes CPU time that the server may want.
const tickEvery = 500 * time.Millisecond

// outlet writes messages to the commander. After the first error it is silent.
type outlet struct {
	to     io.Writer
	buffer []byte
	err    error
}

// say writes a message with a JSON body.
func (o *outlet) say(kind byte, body any) {
	message, err := appendMessage(o.buffer[:0], kind, body)
	if err != nil {
		if o.err == nil {
			o.err = err
		}
		return
	}
	o.buffer = message[:0]
	o.write(message)
}

func (o *outlet) write(b []byte) {
	if o.err == nil {
		_, o.err = o.to.Write(b)
	}
}

// interval writes one interval.
func (o *outlet) interval(v *interval) {
	b := appendInterval(appendHead(o.buffer[:0], kindInterval, 0), v)
	binary.LittleEndian.PutUint32(b, uint32(len(b)-messageHead))
	o.write(b)
	o.buffer = b[:0]
}

// kinds writes what a worker counted of each kind.
func (o *outlet) kinds(slice int, kinds []kindTally) {
	b := appendKinds(appendHead(o.buffer[:0], kindKinds, 0), slice, kinds)
	binary.LittleEndian.PutUint32(b, uint32(len(b)-messageHead))
	o.write(b)
	o.buffer = b[:0]
}

// requests writes a block of requests.
func (o *outlet) requests(b *block) {
	head := appendHead(o.buffer[:0], kindRequests, requestsHead+b.n*requestSize)
	o.write(binary.LittleEndian.AppendUint64(head, uint64(b.slice)))
	o.write(requestBytes(b.list[:b.n]))
	o.buffer = head[:0]
}

// gather ships the finished intervals, and the kept requests when all is
// wanted or their room runs short.
func (e *engine) gather(all bool) {
	for _, m := range e.mails {
		e.gatherIntervals(m)
	}
	e.gatherBlocks(all)
}

func (e *engine) gatherBlocks(all bool) {
	for _, m := range e.mails {
		if !all && len(m.fullBlocks) < cap(m.fullBlocks)/4 {
			continue
		}
		for len(m.fullBlocks) > 0 {
			b := <-m.fullBlocks
			e.out.requests(b)
			m.emptyBlocks <- b
		}
	}
}

func (e *engine) gatherIntervals(m *mailbox) {
	for len(m.full) > 0 {
		v := <-m.full
		e.pulse.add(v)
		e.counts.Add(v.counts)
		e.out.interval(v)
		v.reset()
		m.empty <- v
	}
}

// pulse is what has happened since the last progress.
type pulse struct {
	at       int64
	ok       int64
	response tally
}

func (p *pulse) add(v *interval) {
	p.ok += v.counts.OK
	for i, n := range &v.responses().counts {
		if n != 0 {
			p.response.counts[i] += n
		}
	}
}

// beat reports progress once a second.
func (e *engine) beat() {
	now := e.clock.now()
	p := &e.pulse
	if p.at == 0 {
		p.at = now
	}
	if now-p.at < int64(time.Second-tickEvery/2) {
		return
	}
	e.out.say(kindProgress, Progress{
		At: now, Rate: float64(p.ok) * 1e9 / float64(now-p.at),
		P99: p.response.quantile(0.99), Counts: e.counts,
	})
	*p = pulse{at: now}
}

// quantile is the middle of the smallest durations that hold q of the counts;
// 0 when there are none.
func (t *tally) quantile(q float64) int64 {
	total := uint64(0)
	for _, n := range &t.counts {
		total += uint64(n)
	}
	seen := uint64(0)
	for i, n := range &t.counts {
		if seen += uint64(n); n != 0 && float64(seen) >= q*float64(total) {
			return tallyValue(i)
		}
	}
	return 0
}
