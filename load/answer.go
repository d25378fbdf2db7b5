// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/results"
)

// receive reads what has come on c and settles the requests it answers.
//
//go:nosplit
func (w *worker) receive(c *conn) {
	life := c.life
	for {
		kept := copy(w.buffer, c.keep)
		room := w.buffer[kept:]
		n, errno := receiveBytes(c.fd, room)
		if errno != 0 {
			if errno != unix.EAGAIN && errno != unix.EINTR {
				w.die(c, w.clock.now(), causeOf(errno))
			}
			break
		}
		now := w.clock.now()
		w.latest = now
		if n == 0 {
			w.die(c, now, "closed by peer")
			return
		}
		if now >= w.current.end {
			w.roll(now)
		}
		c.lastIn, w.lastIn = now, now
		c.keep = c.keep[:0]
		w.current.bytesIn += int64(n)
		if !w.parse(c, w.buffer[:kept+n], now) || n < len(room) {
			break
		}
	}
	if c.life != life || c.fd < 0 {
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
		c.keep = append(c.keep, b...)
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
	if f.late {
		w.totals.Late++
	} else {
		v := w.current
		v.counts.OK++
		intended := f.intended
		if intended == 0 {
			intended = f.sent
		} else if w.slice.mode == results.Bare {
			w.ownLag.add(f.sent - intended - f.held)
		}
		v.response.add(now - intended)
		v.trip.add(now - f.sent)
		v.lag.add(f.sent - intended)
		if w.slice.record {
			w.keep(c, f, now, results.OK)
		}
		w.inFlight--
	}
	w.landed(c, now)
}

// settleError does the same for an answer that the protocol calls an error.
func (w *worker) settleError(c *conn, now int64, part []byte, step wire.Step) {
	f := c.at(c.head)
	w.explain(part, step)
	if f.late {
		w.totals.Late++
	} else {
		w.current.counts.Error++
		if w.slice.record {
			w.keep(c, f, now, results.ErrorAnswer)
		}
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
		w.thinking.push(alarm{now + int64(w.options.Think), c.slot, c.life})
	}
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
	if w.slice.room == 0 {
		w.slice.dropped++
		return
	}
	if w.kept == nil {
		select {
		case w.kept = <-w.mail.emptyBlocks:
			w.kept.slice, w.kept.n = w.slice.index, 0
		default:
			w.slice.dropped++
			return
		}
	}
	w.slice.room--
	r := &w.kept.list[w.kept.n]
	*r = results.Request{
		Intended: f.intended, Sent: f.sent, Received: received,
		OutEnd: f.outEnd, OutLen: f.outLen,
		Conn: c.index, Outcome: outcome,
	}
	if f.intended == 0 {
		r.Intended = f.sent
	}
	if received != 0 {
		r.InEnd, r.InLen = c.in, uint32(c.in-c.answer)
	}
	if w.kept.n++; w.kept.n == len(w.kept.list) {
		w.passBlock()
	}
}

// passBlock hands the block of kept requests to the engine. There are as many
// places as blocks, so this never waits.
func (w *worker) passBlock() {
	if w.kept != nil {
		w.mail.fullBlocks <- w.kept
		w.kept = nil
	}
}
