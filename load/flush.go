// SPDX-License-Identifier: Apache-2.0

package load

import "golang.org/x/sys/unix"

// begin puts a request on c: due at intended, held back for held ns by the
// server. In a closed loop both are 0. The caller has made sure of room, and
// flushes.
//
//go:nosplit
func (w *worker) begin(c *conn, intended, held int64) {
	size, kind := len(w.frame), uint16(0)
	if w.maker != nil {
		size, kind = w.compose(c)
	}
	c.queued += uint64(size)
	*c.at(c.tail) = flight{intended: intended, held: held, outEnd: c.queued, outLen: uint32(size), kind: kind}
	c.tail++
	w.inFlight++
	w.current.counts.Sent++
	if w.quota > 0 {
		w.quota--
	}
}

// compose writes the next of requests that differ behind what c has to send, and
// returns its length and kind.
//
//go:nosplit
func (w *worker) compose(c *conn) (int, uint16) {
	k := w.maker.choose()
	if len(w.kinds) > 0 {
		w.kinds[k].counts.Sent++
	}
	if left := int(c.queued - c.sent); left == 0 {
		c.out = c.out[:0]
	} else if len(c.out)-left > outMost {
		c.out = c.out[:copy(c.out, c.out[len(c.out)-left:])]
	}
	before := len(c.out)
	c.out = w.maker.put(c.out, &w.maker.kinds[k], w.clock.now())
	return len(c.out) - before, uint16(k)
}

// room is how many requests may be begun on c now.
//
//go:nosplit
func (w *worker) room(c *conn) int {
	if c.fd < 0 || c.draining || c.closing || w.stopping {
		return 0
	}
	n := w.depth - c.inFlight()
	if w.options.Batch && n < w.depth {
		return 0
	}
	if w.quota >= 0 {
		n = int(min(int64(n), w.quota))
	}
	return n
}

// refill brings a closed loop's connection back to its depth. A batch is cut short
// where the socket is full before all of it is made.
//
//go:nosplit
func (w *worker) refill(c *conn) {
	for n := w.room(c); n > 0 && c.fd >= 0; {
		for n > 0 && (w.maker == nil || c.queued-c.sent <= outMost) {
			w.begin(c, 0, 0)
			n--
		}
		if c.blocked {
			return
		}
		if w.flush(c); c.blocked || c.closing {
			return
		}
	}
}

const (
	sendMost = 128 << 10 // bytes of one send, where a frame isn't longer
	outMost  = 256 << 10 // unsent bytes of a connection's out, less one frame, and sent ones that it still holds
)

// flush sends what is queued on c, several requests in one call, and stamps
// each before the call that carries its first byte. A full socket is left to
// epoll.
//
//go:nosplit
func (w *worker) flush(c *conn) {
	for c.sent < c.queued {
		left := int(c.queued - c.sent)
		var part []byte
		if w.maker == nil {
			part = w.batch[int(c.sent%uint64(len(w.frame))):]
			part = part[:min(left, len(part))]
		} else {
			part = c.out[len(c.out)-left:]
			if w.socket == unix.SOCK_STREAM {
				part = part[:min(left, sendMost)]
			}
		}
		if w.socket != unix.SOCK_STREAM {
			part = part[:c.at(c.unsent).outEnd-c.sent] // a message holds one request
		}
		w.stamp(c, c.sent+uint64(len(part)))
		n, errno := sendBytes(c.fd, part)
		if errno != 0 {
			w.unsent(c, errno)
			return
		}
		c.sent += uint64(n)
		w.current.bytesOut += int64(n)
		for c.unsent != c.tail {
			f := c.at(c.unsent)
			if f.outEnd-uint64(f.outLen) >= c.sent {
				break
			}
			c.begun = f.outEnd
			c.unsent++
		}
	}
	if c.blocked {
		w.unblock(c)
	}
}

// unsent deals with a send that failed. A full socket is waited for. One that
// the peer has closed may still hold answers: reading it finds its end.
func (w *worker) unsent(c *conn, errno unix.Errno) {
	switch errno {
	case unix.EAGAIN, unix.EINTR:
		w.block(c)
	case unix.EPIPE:
		c.closing = true
	default:
		w.die(c, w.clock.now(), causeOf(errno))
	}
}

// stamp stamps the requests whose first byte stands before end and has not been
// sent. One that was stamped already was kept back by a full socket: by the
// server, not by this program.
//
//go:nosplit
func (w *worker) stamp(c *conn, end uint64) {
	now := w.clock.now()
	for i := c.unsent; i != c.tail; i++ {
		f := c.at(i)
		if f.outEnd-uint64(f.outLen) >= end {
			return
		}
		if f.sent != 0 {
			f.held += now - f.sent
		}
		f.sent, f.alone = now, i == c.head
	}
}

// block waits for c to be writable.
func (w *worker) block(c *conn) {
	if !c.blocked {
		c.blocked = true
		w.rewatch(c, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

// unblock ends that wait.
func (w *worker) unblock(c *conn) {
	c.blocked = false
	w.rewatch(c, unix.EPOLLIN)
}

// watch has epoll report on a connection's new life.
func (w *worker) watch(c *conn, now int64) {
	if err := w.epoll.add(int(c.fd), unix.EPOLLIN, c.tag()); err != nil {
		w.die(c, now, "epoll: "+err.Error())
	}
}

func (w *worker) rewatch(c *conn, events uint32) {
	if err := w.epoll.modify(int(c.fd), events, c.tag()); err != nil {
		w.die(c, w.clock.now(), "epoll: "+err.Error())
	}
}

// causeOf words an errno of send or receive as the cause of a connection's end.
func causeOf(errno unix.Errno) string {
	switch errno {
	case unix.ECONNRESET:
		return "reset"
	case unix.EPIPE:
		return "closed by peer"
	}
	return errno.Error()
}
