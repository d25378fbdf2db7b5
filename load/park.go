// SPDX-License-Identifier: Apache-2.0

package load

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// parkedMost is how many connections a worker keeps behind those it loads; the
// oldest is closed when there are more. A server that stands still takes no more
// of them than its backlog has room for.
const parkedMost = 256

// parked is a connection that was given up while answers were owed on it. To close
// it would be to hang up on a server that is about to answer, and one that does
// not ignore SIGPIPE dies of that: a server that was stopped for longer than a
// timeout (a debugger, a freezer, a SIGSTOP) would be killed by our hanging up. So
// the socket stays open until the answers have come, the server has hung up, or
// the load ends; what comes on it is read and counts for nothing more. A server that
// answers others for several timeouts, and this one not, has forgotten it: it is
// closed then, and holds no place at the server for nothing.
type parked struct {
	fd     int32
	passed int64 // ns in which the server answered others
	owed   int   // whole requests that are not answered
	cursor wire.Cursor
	keep   []byte // received, not made an answer of yet
}

// park keeps the socket of c open beyond its life, if an answer is owed on it. The
// caller ends that life.
func (w *worker) park(c *conn) {
	owed := 0
	for i := c.head; i != c.unsent; i++ {
		if c.at(i).outEnd <= c.sent {
			owed++
		}
	}
	if owed == 0 {
		return
	}
	if unix.EpollCtl(w.epoll.fd, unix.EPOLL_CTL_DEL, int(c.fd), nil) != nil {
		return
	}
	if len(w.parked) == parkedMost {
		unix.Close(int(w.parked[0].fd))
		w.parked = slices.Delete(w.parked, 0, 1)
	}
	w.parked = append(w.parked, parked{fd: c.fd, owed: owed, cursor: c.cursor, keep: slices.Clone(c.keep)})
	c.parked = true
}

// readParked takes what has come on parked connections and closes those on which
// nothing is owed any more.
func (w *worker) readParked(now int64) {
	passed := min(now-w.parkedAt, lookNs)
	w.parkedAt = now
	for i := range w.parked {
		p := &w.parked[i]
		if now-w.lastIn < w.timeoutNs() {
			p.passed += passed
		}
		if !w.readOneParked(p) || p.passed > patient*w.timeoutNs() {
			unix.Close(int(p.fd))
			p.fd = -1
		}
	}
	w.parked = slices.DeleteFunc(w.parked, func(p parked) bool { return p.fd < 0 })
}

// readOneParked is false when the connection has nothing more to wait for.
func (w *worker) readOneParked(p *parked) bool {
	for range 16 { // the rest comes with the next look
		kept := copy(w.buffer, p.keep)
		n, errno := receiveBytes(p.fd, w.buffer[kept:])
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			return true
		case errno != 0 || n == 0:
			return false
		}
		w.lastIn, p.passed = w.clock.now(), 0
		left := w.buffer[:kept+n]
		for len(left) > 0 && p.owed > 0 {
			step, err := w.codec.Next(left, &p.cursor)
			if err != nil {
				return false
			}
			if step.End {
				p.owed--
				w.totals.Late++
			}
			if step.N == 0 {
				break
			}
			left = left[step.N:]
		}
		if p.owed == 0 {
			return false
		}
		p.keep = append(p.keep[:0], left...)
	}
	return true
}

// closeParked closes what is left at the end of the load.
func (w *worker) closeParked() {
	for _, p := range w.parked {
		unix.Close(int(p.fd))
	}
	w.parked = nil
}
