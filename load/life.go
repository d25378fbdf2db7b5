// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	lookNs   = 100_000_000   // how often the connections are looked at
	soonNs   = 5_000_000     // the same while one is dead, drains or is to be closed
	giveUpNs = 1_000_000_000 // without any connection for so long, the load has failed

	patient   = 4              // timeouts that one connection may be silent while others are answered
	stopMaxNs = 20_000_000_000 // how much longer than a timeout a stop may take while answers come
)

// look does what need not be done at once: interval ends while nothing comes,
// dead connections, timeouts, a sync that takes too long.
func (w *worker) look(now int64) {
	w.lookAt, w.hasty = now+lookNs, false
	if w.alive < len(w.conns) || w.syncing > 0 || w.stopping {
		w.soon(now + soonNs)
	}
	if now >= w.current.end {
		w.roll(now)
	}
	if w.alive < len(w.conns) && !w.stopping {
		w.revive(now)
	}
	if len(w.parked) > 0 {
		w.soon(now + soonNs)
		w.readParked(now)
	}
	if now >= w.scanAt {
		w.scanAt = now + min(lookNs, w.timeoutNs()/8)
		for _, c := range w.conns {
			if c.fd >= 0 && c.head != c.tail {
				w.expire(c, now)
			}
		}
	}
	if w.linger.open {
		w.soon(now + lingerNs)
		w.endLinger(now)
	}
	if w.syncing > 0 && now >= w.syncUntil {
		w.endSync()
	}
}

// soon has the next look be taken at a moment that doesn't wait for the tick.
func (w *worker) soon(at int64) { w.lookAt, w.hasty = min(w.lookAt, at), true }

// die ends a connection's life. What was in flight on it is broken.
func (w *worker) die(c *conn, now int64, cause string) {
	if now >= w.current.end {
		w.roll(now)
	}
	w.endings[cause]++
	w.lastCause = cause
	for ; c.head != c.tail; c.head++ {
		if f := c.at(c.head); !f.late {
			w.lose(c, f, results.Broken)
		}
	}
	w.close(c, now, w.options.NoReconnect || w.stopping)
}

// close shuts c and keeps the count of the living.
func (w *worker) close(c *conn, now int64, forever bool) {
	if c.draining {
		c.draining = false
		w.drained()
	}
	c.shut(now, forever)
	w.alive--
	w.soon(now + soonNs)
	if w.alive == 0 {
		w.deadSince = now
	}
}

// giveUp notes that c is to be closed before its end.
func (w *worker) giveUp(c *conn) {
	if c.midFrame() {
		w.totals.HalfFrames++
	}
}

// lose books a request that gets no answer.
func (w *worker) lose(c *conn, f *flight, outcome results.Outcome) {
	w.inFlight--
	countLost(&w.current.counts, outcome)
	if len(w.kinds) > 0 {
		countLost(&w.kinds[f.kind].counts, outcome)
	}
	w.note(c, f, 0, outcome)
}

func countLost(counts *results.Counts, outcome results.Outcome) {
	switch outcome {
	case results.Timeout:
		counts.Timeout++
	case results.Censored:
		counts.Censored++
	default:
		counts.Broken++
	}
}

// expire books the requests of c that have waited too long. The connection
// lives on while bytes come, on it or on others (a server may serve one client
// after the other): the answers are still owed to us, and a server may die of
// a connection that is closed before it has sent them. When all were silent
// for a whole timeout, or this one for several, it is given up, and another takes
// its place: see parked for what becomes of its socket.
func (w *worker) expire(c *conn, now int64) {
	limit := now - w.timeoutNs()
	for i := c.head; i != c.tail; i++ {
		f := c.at(i)
		if f.sent == 0 || f.sent > limit {
			break
		}
		if !f.late {
			f.late = true
			w.lose(c, f, results.Timeout)
		}
	}
	if c.at(c.head).late && c.lastIn < limit &&
		(w.lastIn < limit || c.lastIn < now-patient*w.timeoutNs() && c.at(c.head).sent < now-patient*w.timeoutNs()) {
		w.giveUp(c)
		w.park(c)
		w.die(c, now, "timeout")
	}
}

// revive opens dead connections whose back-off is over.
func (w *worker) revive(now int64) {
	for _, c := range w.conns {
		if c.fd >= 0 || c.retryAt == 0 || now < c.retryAt {
			continue
		}
		fd, cookie, err := dial(w.options.Socket, w.socket, 0)
		if err != nil {
			w.lastCause = dialCause(err)
			w.endings[w.lastCause]++
			c.wait(now, false)
			continue
		}
		c.open(fd, w.next.Add(1)-1, now)
		w.alive++
		w.totals.Reconnects++
		w.mail.report(report{kind: kindConnection, connection: results.Connection{Index: c.index, Cookie: cookie}})
		w.watch(c, now)
		w.start(c)
	}
	if w.alive == 0 && !w.failed && (w.options.NoReconnect || now-w.deadSince > giveUpNs) {
		w.failed = true
		w.mail.report(report{kind: kindFailure, reason: "no connection to the server is left; the last ended: " + w.lastCause})
	}
}

// start begins a closed loop on a fresh connection.
func (w *worker) start(c *conn) {
	if w.running && w.schedule == nil && c.fd >= 0 {
		w.refill(c)
	}
}

// dialCause words a failed attempt to connect again.
func dialCause(err error) string {
	switch {
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOENT):
		return "refused"
	case errors.Is(err, unix.EAGAIN):
		return "backlog full"
	}
	return err.Error()
}

// beginStop ends the load: requests of which no byte was sent are taken back,
// the others are awaited.
func (w *worker) beginStop(now int64) {
	if w.stopping {
		return
	}
	w.endSlice(now)
	w.stopping, w.stopUntil, w.lookAt = true, now+w.timeoutNs(), now
	for _, c := range w.conns {
		if c.fd >= 0 {
			n := c.withdraw()
			w.current.counts.Sent -= n
			w.inFlight -= n
		}
	}
}

// stopped closes the connections that are owed nothing. It is true when all
// are closed, and the engine has been told.
func (w *worker) stopped(now int64) bool {
	open := 0
	for _, c := range w.conns {
		switch {
		case c.fd < 0:
		case c.idle():
			w.close(c, now, true)
		case now >= w.stopUntil && (now-w.lastIn >= w.timeoutNs() || now >= w.stopUntil+stopMaxNs):
			for ; c.head != c.tail; c.head++ {
				if f := c.at(c.head); !f.late {
					w.lose(c, f, results.Censored)
				}
			}
			w.giveUp(c)
			w.close(c, now, true)
		default:
			open++
		}
	}
	if len(w.parked) > 0 && now < w.stopUntil+stopMaxNs && (now < w.stopUntil || now-w.lastIn < w.timeoutNs()) {
		open++
	}
	if open > 0 {
		return false
	}
	w.closeParked()
	w.passLate()
	w.passBlock()
	w.totals.Counts.Add(w.gap.counts)
	w.totals.Endings, w.totals.Answers = w.endings, w.answers
	w.mail.report(report{kind: kindFinal, totals: w.totals, ownLag: w.ownLag})
	return true
}
