// SPDX-License-Identifier: Apache-2.0

package load

import "golang.org/x/sys/unix"

// begin puts a request on c: due at intended, held back for held ns by the
// server. In a closed loop both are 0. The caller has made sure of room, and
// flushes.
//
//go:nosplit
func (w *worker) begin(c *conn, intended, held int64) {
	c.queued += uint64(len(w.frame))
	*c.at(c.tail) = flight{intended: intended, held: held, outEnd: c.queued, outLen: uint32(len(w.frame))}
	c.tail++
	w.inFlight++
	w.current.counts.Sent++
	if w.quota > 0 {
		w.quota--
	}
}

// room is how many requests may be begun on c now.
//
//go:nosplit
func (w *worker) room(c *conn) int {
	if c.fd < 0 || c.draining || c.closing || w.stopping {
		return 0
	}
	n := w.depth - c.inFlight()
	if w.quota >= 0 {
		n = int(min(int64(n), w.quota))
	}
	return n
}

// refill brings a closed loop's connection back to its depth.
//
//go:nosplit
func (w *worker) refill(c *conn) {
	n := w.room(c)
	for range n {
		w.begin(c, 0, 0)
	}
	if n > 0 && !c.blocked {
		w.flush(c)
	}
}

// flush sends what is queued on c, several requests in one call, and stamps
// each before the call that carries its first byte. A full socket is left to
// epoll.
//
//go:nosplit
func (w *worker) flush(c *conn) {
	for c.sent < c.queued {
		from := int(c.sent % uint64(len(w.frame)))
		part := w.batch[from:]
		if left := c.queued - c.sent; left < uint64(len(part)) {
			part = part[:left]
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
		f.sent = now
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
