// SPDX-License-Identifier: Apache-2.0

package load

// startSchedule sets the origin of an open loop's schedule.
func (w *worker) startSchedule(now int64) {
	w.schedule = NewSchedule(w.rate, w.options.Arrivals, w.options.Seed)
	w.origin = now
	w.holding, w.heldFrom = false, 0
	// The workers share one schedule: worker i takes the requests i, i+n, …
	for range w.number {
		w.schedule.Next()
	}
	w.due = w.origin + w.schedule.Next()
}

// advance moves on to this worker's next request.
//
//go:nosplit
func (w *worker) advance() {
	for range w.options.Threads - 1 {
		w.schedule.Next()
	}
	w.due = w.origin + w.schedule.Next()
}

// passMax is how many requests are begun before what was begun is sent.
const passMax = 256

// passBytes is the same in bytes.
const passBytes = 1 << 20

// pace begins every request that is due, on connections in turn, and sends
// what each of them got in one call. When none has room the requests wait:
// they keep their due times, and until the backlog is gone the time since it
// began is booked as held by the server.
//
//go:nosplit
func (w *worker) pace(now int64) {
	w.holding = false
	for w.due <= now && w.quota != 0 && !w.holding {
		passed := 0
		for n := 0; n < passMax && passed < passBytes && w.due <= now && w.quota != 0; n++ {
			c := w.pick()
			if c == nil {
				w.holding = true
				if w.heldFrom == 0 {
					w.heldFrom = now
				}
				break
			}
			held := int64(0)
			if w.heldFrom != 0 {
				held = now - max(w.due, w.heldFrom)
				w.totals.Held++
			}
			from := c.queued
			w.begin(c, w.due, held)
			passed += int(c.queued - from)
			if !c.dirty {
				c.dirty = true
				w.dirty = append(w.dirty, c)
			}
			w.advance()
		}
		for _, c := range w.dirty {
			c.dirty = false
			if c.fd >= 0 && !c.blocked {
				w.flush(c)
			}
		}
		w.dirty = w.dirty[:0]
		now = w.clock.now()
	}
	if !w.holding {
		w.heldFrom = 0
	}
}

const (
	firstMargin = 100_000   // ns; what a virtual machine often takes to wake up
	mostMargin  = 1_000_000 // ns
)

// learn takes note of how late the latest sleep ended, so that the next one ends
// earlier by as much: on a machine that wakes late, or where the server has the
// CPU for a moment, the busy wait begins before it is due. The margin follows
// the worst at once and forgets it within some thousand sleeps.
//
//go:nosplit
func (w *worker) learn(now int64) {
	late := now - w.sleptTo
	switch {
	case w.sleptTo == 0 || late < 0:
		return
	case late > w.margin:
		w.margin = min(late+late/4, mostMargin)
	default:
		w.margin -= w.margin >> 10
	}
	w.sleptTo = 0
}

// pick is the next connection in turn that has room, or nil.
//
//go:nosplit
func (w *worker) pick() *conn {
	for range w.conns {
		if w.turn++; w.turn >= len(w.conns) {
			w.turn = 0
		}
		if c := w.conns[w.turn]; !c.blocked && w.room(c) > 0 {
			return c
		}
	}
	return nil
}

// wakeThinkers begins the requests whose think time is over.
func (w *worker) wakeThinkers(now int64) {
	for len(w.thinking.list) > 0 && w.thinking.list[0].at <= now {
		a := w.thinking.pop()
		c := w.conns[a.slot]
		if c.life != a.life || c.fd < 0 {
			continue
		}
		if c.draining {
			c.owed++
			continue
		}
		if w.room(c) > 0 {
			w.begin(c, a.at, 0)
			w.flush(c)
		}
	}
}
