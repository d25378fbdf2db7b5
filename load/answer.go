// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/results"
)

// take reads once from c and settles the requests that this answers. It is
// true when there may be more to read.
//
//go:nosplit
func (w *worker) take(c *conn) bool {
	kept := copy(w.buffer, c.keep)
	room := w.buffer[kept:]
	n, errno := receiveBytes(c.fd, room)
	if errno != 0 || n == 0 {
		w.ended(c, errno)
		return false
	}
	now := w.clock.now()
	w.latest = now
	if now >= w.current.end {
		w.roll(now)
	}
	c.lastIn, w.lastIn = now, now
	c.keep = c.keep[:0]
	w.current.bytesIn += int64(n)
	more := n == len(room) || w.socket != unix.SOCK_STREAM // of which a read brings one
	return w.parse(c, w.buffer[:kept+n], now) && more && c.head != c.unsent
}

// ended ends c when a read says that it has ended.
func (w *worker) ended(c *conn, errno unix.Errno) {
	switch errno {
	case 0:
		w.die(c, w.clock.now(), "closed by peer")
	case unix.EAGAIN, unix.EINTR:
	default:
		w.die(c, w.clock.now(), causeOf(errno))
	}
}

// moveOn begins what may be begun on c after a read.
//
//go:nosplit
func (w *worker) moveOn(c *conn) {
	if c.fd < 0 {
		return
	}
	if c.draining && c.idle() {
		w.synced(c, c.lastIn)
	}
	if w.schedule == nil && w.options.Think == 0 && w.running {
		w.refill(c)
	} else if c.sent < c.queued && !c.blocked {
		w.flush(c)
	}
}

// parse settles the answers in b, received at now, and keeps what is left. It
// is false when the connection has died of them.
//
//go:nosplit
func (w *worker) parse(c *conn, b []byte, now int64) bool {
	for len(b) > 0 {
		if c.head == c.unsent {
			w.die(c, now, "answer to no request")
			return false
		}
		if w.plain && c.in == c.answer {
			if n := glance(b); n > 0 {
				c.in += uint64(n)
				w.settle(c, now)
				b = b[n:]
				continue
			}
		}
		n, dead := w.step(c, now, b)
		if dead {
			return false
		}
		if n == 0 {
			break
		}
		b = b[n:]
	}
	if len(b) > 0 {
		c.hold(b)
	}
	return true
}

// step has the codec look at b. It returns how many bytes that takes off the
// head of b, and whether the connection has died of them.
func (w *worker) step(c *conn, now int64, b []byte) (int, bool) {
	step, err := w.codec.Next(b, &c.cursor)
	if err != nil {
		w.die(c, now, "bad frame")
		return 0, true
	}
	c.in += uint64(step.N)
	if !step.End {
		return step.N, false
	}
	if step.Close {
		c.closing = true
	}
	if step.OK {
		w.settle(c, now)
	} else {
		w.settleError(c, now, b[:step.N], step)
	}
	return step.N, false
}

// settle closes the books on the oldest request of c: a good answer is whole.
//
//go:nosplit
func (w *worker) settle(c *conn, now int64) {
	f := c.at(c.head)
	switch {
	case f.late:
		w.totals.Late++
	case f.begun() < w.slice.start:
		w.straggle(c, f, now)
	default:
		v := w.current
		v.counts.OK++
		if !w.dueless {
			due := f.begun()
			if w.slice.mode == results.Bare && f.intended != 0 {
				w.ownLag.add(f.sent - due - f.held)
			}
			if f.alone && w.schedule != nil {
				v.alone.add(now - f.sent)
			}
			v.response.add(now - due)
			v.lag.add(f.sent - due)
		}
		v.trip.add(now - f.sent)
		if w.kinds != nil {
			w.settleKind(f, now)
		}
		if w.slice.record {
			w.keep(c, f, now, results.OK)
		}
		w.inFlight--
	}
	w.landed(c, now)
}

// settleKind counts a good answer where its kind is counted.
//
//go:nosplit
//go:noinline
func (w *worker) settleKind(f *flight, now int64) {
	k := &w.kinds[f.kind]
	k.counts.OK++
	k.trip.add(now - f.sent)
	if f.intended == 0 {
		k.response.add(now - f.sent)
	} else {
		k.response.add(now - f.intended)
	}
}

// settleError does the same for an answer that the protocol calls an error.
func (w *worker) settleError(c *conn, now int64, part []byte, step wire.Step) {
	f := c.at(c.head)
	w.explain(part, step)
	if f.late {
		w.totals.Late++
	} else {
		w.current.counts.Error++
		if len(w.kinds) > 0 {
			w.kinds[f.kind].counts.Error++
		}
		w.note(c, f, now, results.ErrorAnswer)
		w.inFlight--
	}
	w.landed(c, now)
}

// landed takes the oldest request of c out of the ring.
//
//go:nosplit
func (w *worker) landed(c *conn, now int64) {
	c.head++
	c.answer = c.in
	c.backoff = 0
	if w.options.Think > 0 && w.schedule == nil {
		w.think(c, now)
	}
}

// think puts off the next request of c by the think time.
func (w *worker) think(c *conn, now int64) {
	w.thinking.push(alarm{now + int64(w.options.Think), c.slot, c.life})
}

// explain counts an error answer by what the server says. Only the first few
// different ones are told apart.
func (w *worker) explain(part []byte, step wire.Step) {
	const words, looks = 8, 1000
	if w.lastWord == "" || !bytes.Equal(part, w.lastPart) {
		w.lastPart = append(w.lastPart[:0], part...)
		w.lastWord = "other"
		if w.explained < looks {
			w.explained++
			word := w.codec.Detail(part, step)
			if _, known := w.answers[word]; known || len(w.answers) < words {
				w.lastWord = word
			}
		}
	}
	w.answers[w.lastWord]++
}

// keep writes down a request of a recorded slice.
//
//go:nosplit
func (w *worker) keep(c *conn, f *flight, received int64, outcome results.Outcome) {
	s := w.keeping
	if s.room == 0 && !w.always {
		s.dropped++
		return
	}
	b := w.kept
	if b == nil || b.n >= len(b.list) || b.slice != s.index {
		if b = w.nextBlock(s.index); b == nil {
			w.drop(s)
			return
		}
	}
	if !w.always {
		s.room--
	}
	r := &b.list[b.n]
	b.n++
	*r = results.Request{
		Intended: f.intended, Sent: f.sent, Received: received,
		OutEnd: f.outEnd, OutLen: f.outLen,
		Conn: c.index, Kind: f.kind, Outcome: outcome,
	}
	if f.intended == 0 {
		r.Intended = f.sent
	}
	if received != 0 {
		r.InEnd, r.InLen = c.in, uint32(c.in-c.answer)
	}
}

// drop counts a request that there is no room for.
//
//go:nosplit
func (w *worker) drop(s *openSlice) {
	s.dropped++
	if !s.open {
		w.totals.Dropped++
	}
}

// nextBlock passes on the full block and takes an empty one; nil when there is
// none.
//
//go:noinline
func (w *worker) nextBlock(slice int) *block {
	w.passBlock()
	select {
	case w.kept = <-w.mail.emptyBlocks:
		w.kept.slice, w.kept.n = slice, 0
	default:
	}
	return w.kept
}

// passBlock hands the block of kept requests to the engine. There are as many
// places as blocks, so this never waits.
func (w *worker) passBlock() {
	if w.kept != nil {
		w.mail.fullBlocks <- w.kept
		w.kept = nil
		if len(w.mail.fullBlocks) == cap(w.mail.fullBlocks)/4 {
			w.mail.nudge()
		}
	}
}
