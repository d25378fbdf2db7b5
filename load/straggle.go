// SPDX-License-Identifier: Apache-2.0

package load

import "github.com/ipcprobe/ipcprobe/results"

// A request belongs to the slice in which it began to count, however late its
// answer comes. Would it belong to the slice in which it ends, or to none, a
// server that stalls in the middle of a slice would leave no trace of it: the
// slow requests are just those that outlive their slice.
//
// So the latency of a request that began in a bare slice counts there also when
// it ends behind it, and a recorded slice is not over before its last request
// is answered. Answers per second are counted where they come.

// lingerNs is how often a slice that waits for its last answers is looked at.
const lingerNs = 1_000_000

// linger is a slice that has ended.
type linger struct {
	open  bool
	slice openSlice
	kinds []kindTally
	end   int64
	until int64 // when the wait for its answers is given up
}

// past remembers the latest slices, to tell in which a request began. The
// longest that one can be owed is a timeout and what a stop adds; more slices
// than these have not begun and ended in that, or they are of no interest.
type past struct {
	slices [64]pastSlice
	n      int
}

type pastSlice struct {
	index      int
	mode       results.Mode
	start, end int64
}

func (p *past) add(l *linger) {
	p.slices[p.n%len(p.slices)] = pastSlice{l.slice.index, l.slice.mode, l.slice.start, l.end}
	p.n++
}

// at is the slice that was open at a moment; its mode is Gap when none was, or
// it is too long ago.
func (p *past) at(moment int64) pastSlice {
	for i := p.n - 1; i >= max(0, p.n-len(p.slices)); i-- {
		if s := p.slices[i%len(p.slices)]; moment >= s.start && moment < s.end {
			return s
		}
	}
	return pastSlice{mode: results.Gap}
}

// straggle settles a request that began before the open slice.
func (w *worker) straggle(c *conn, f *flight, now int64) {
	w.inFlight--
	w.current.counts.OK++
	origin := w.past.at(f.begun())
	w.note(c, f, now, results.OK)
	switch {
	case origin.mode == results.Bare && w.slice.mode == results.Bare:
		w.current.addLatency(f, now, w)
		if w.kinds != nil {
			w.settleKind(f, now)
		}
	case origin.mode == results.Bare:
		if v := w.lateOf(&origin); v != nil {
			v.addLatency(f, now, w)
		}
	}
}

// note keeps a request, if it began in a slice that is recorded.
func (w *worker) note(c *conn, f *flight, received int64, outcome results.Outcome) {
	begun := f.begun()
	switch {
	case w.always, w.slice.record && begun >= w.slice.start:
		w.keep(c, f, received, outcome)
	case w.linger.open && begun >= w.linger.slice.start && begun < w.linger.end:
		w.keeping = &w.linger.slice
		w.keep(c, f, received, outcome)
		w.keeping = &w.slice
	}
}

// addLatency counts the times of a good answer.
func (v *interval) addLatency(f *flight, now int64, w *worker) {
	v.trip.add(now - f.sent)
	if w.dueless {
		return
	}
	v.response.add(now - f.begun())
	v.lag.add(f.sent - f.begun())
	if f.alone && w.schedule != nil {
		v.alone.add(now - f.sent)
	}
}

// lateOf is the interval for latencies of a bare slice that has ended; nil when
// the engine is so far behind that no empty one is left.
func (w *worker) lateOf(origin *pastSlice) *interval {
	if w.late != nil && w.late.slice != origin.index {
		w.passLate()
	}
	if w.late == nil {
		select {
		case w.late = <-w.mail.empty:
			w.late.slice = origin.index
			w.late.start, w.late.end = origin.end, origin.end
		default:
			w.totals.Dropped++
		}
	}
	return w.late
}

// passLate hands late latencies to the engine.
func (w *worker) passLate() {
	if w.late != nil {
		w.late.dueless = w.dueless
		w.mail.full <- w.late
		w.late = nil
	}
}

// owes says that a request which began before a moment is not answered.
func (w *worker) owes(before int64) bool {
	for _, c := range w.conns {
		if c.fd < 0 {
			continue
		}
		for i := c.head; i != c.tail; i++ {
			f := c.at(i)
			if begun := f.begun(); begun == 0 || begun >= before {
				break
			}
			if !f.late {
				return true
			}
		}
	}
	return false
}

// endLinger ends the wait for the answers of a recorded slice, when they have
// come or have taken too long.
func (w *worker) endLinger(now int64) {
	if now < w.linger.until && w.owes(w.linger.end) {
		return
	}
	w.tellEnded(&w.linger)
	w.linger.open = false
}
