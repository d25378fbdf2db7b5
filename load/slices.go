// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// read carries out the engine's orders.
func (w *worker) read(now int64) {
	for _, o := range w.mail.ordered() {
		switch o.kind {
		case kindBegin:
			w.beginSlice(o, now)
		case kindEnd:
			if w.slice.open && w.slice.index == o.Index {
				w.endSlice(now)
			}
		case kindSync:
			w.beginSync(o, now)
		case kindStop:
			w.beginStop(now)
		}
	}
}

// beginSlice ends the open slice and starts the next at the same stamp. The
// first one starts the load.
func (w *worker) beginSlice(o order, now int64) {
	w.endSlice(now)
	w.totals.Counts.Add(w.gap.counts)
	w.gap.counts = results.Counts{}
	w.always = o.Always
	w.passBlock()
	w.slice = openSlice{
		open: true, index: o.Index, mode: o.Mode, start: now,
		record: o.Record, room: o.Records, cpu: processCPU(),
	}
	w.current = <-w.mail.empty
	if w.gapKinds != nil {
		next := <-w.mail.emptyKinds
		w.carry(w.gapKinds, next)
		w.kinds = next
	}
	w.current.slice = o.Index
	w.current.start, w.current.end = now, now+intervalNs
	w.mail.report(report{kind: kindBegun, slice: sliceReport{Index: o.Index, Mode: o.Mode, Record: o.Record, Start: now}})

	counted := o.Mode == results.Bare || o.Mode == results.Probed
	first := counted && !w.measured
	if first {
		w.measured = true
		w.limit()
	}
	if w.schedule != nil && (!w.running || first && !w.rate.Flat()) {
		w.startSchedule(now)
	}
	if !w.running {
		w.running = true
		for _, c := range w.conns {
			w.start(c)
		}
	}
}

// limit sets this worker's part of --requests.
func (w *worker) limit() {
	n := w.options.Requests
	if n == 0 {
		return
	}
	threads := int64(w.options.Threads)
	w.quota = n / threads
	if int64(w.number) < n%threads {
		w.quota++
	}
}

// endSlice closes the open slice at now and hands over what was kept of it.
func (w *worker) endSlice(now int64) {
	if !w.slice.open {
		return
	}
	if now >= w.current.end {
		w.roll(now)
	}
	w.pass(now)
	w.passBlock()
	w.current = w.gap
	ended := linger{open: true, slice: w.slice, kinds: w.kinds, end: now, until: now + w.timeoutNs()}
	ended.slice.cpu = processCPU() - w.slice.cpu
	w.carry(w.kinds, w.gapKinds)
	w.kinds = w.gapKinds
	w.slice = openSlice{index: outside, record: w.always, start: now}
	w.past.add(&ended)
	w.passLate()
	if w.linger.open { // the one before still waits: it has waited long enough
		w.tellEnded(&w.linger)
		w.linger.open = false
	}
	if ended.slice.record && w.owes(now) {
		w.linger = ended
		w.soon(now + lingerNs)
		return
	}
	w.tellEnded(&ended)
}

// carry books the requests of which no byte was sent in another slice: they count
// where they are sent, and where they are taken back they count nowhere.
func (w *worker) carry(from, to []kindTally) {
	if len(from) == 0 {
		return
	}
	for _, c := range w.conns {
		for i := c.unsent; c.fd >= 0 && i != c.tail; i++ {
			k := c.at(i).kind
			from[k].counts.Sent--
			to[k].counts.Sent++
		}
	}
}

// tellEnded reports an ended slice, with the requests that were kept of it.
func (w *worker) tellEnded(l *linger) {
	w.passBlock()
	s := &l.slice
	w.totals.Dropped += s.dropped
	w.mail.report(report{kind: kindEnded, worker: w.number, kinds: l.kinds, slice: sliceReport{
		Index: s.index, Mode: s.mode, Start: s.start, End: l.end,
		GeneratorNs: s.cpu, Dropped: s.dropped,
	}})
}

// roll ends the intervals whose time is over. When the engine is so far behind
// that no empty one is left, the current one goes on.
func (w *worker) roll(now int64) {
	for now >= w.current.end {
		end := w.current.end
		select {
		case next := <-w.mail.empty:
			w.pass(end)
			next.slice, next.number = w.slice.index, w.slice.number
			next.start, next.end = end, end+intervalNs
			w.current = next
		default:
			w.current.end += intervalNs
			return
		}
	}
}

// pass hands the current interval to the engine. There are as many places as
// intervals, so this never waits.
func (w *worker) pass(end int64) {
	w.current.end, w.current.dueless = end, w.dueless
	w.totals.Counts.Add(w.current.counts)
	w.slice.number++
	w.mail.full <- w.current
}

// outside is the slice of what ends outside of slices.
const outside = -1

const (
	never   = math.MaxInt64 // the end of the interval that is none
	forever = math.MaxInt64 // a wait without limit
)

// beginSync drains every connection, each on its own.
func (w *worker) beginSync(o order, now int64) {
	w.syncs = nil
	w.syncing, w.syncUntil = 1, now+o.Wait // 1: not done before all were asked
	w.soon(now + soonNs)
	for _, c := range w.conns {
		if c.fd < 0 {
			continue
		}
		w.syncing++
		c.draining = true
		if c.idle() {
			w.synced(c, now)
			w.start(c)
		}
	}
	w.drained()
}

// synced notes that c carries nothing, and lets it go on.
func (w *worker) synced(c *conn, at int64) {
	w.syncs = append(w.syncs, results.Sync{Conn: c.index, At: at, Out: c.sent, In: c.in})
	c.draining = false
	for ; c.owed > 0; c.owed-- {
		if w.room(c) > 0 {
			w.begin(c, w.clock.now(), 0)
		}
	}
	w.drained()
}

// drained counts down the connections of a sync, and reports it when it is
// done.
func (w *worker) drained() {
	if w.syncing--; w.syncing == 0 {
		w.mail.report(report{kind: kindSynced, syncs: w.syncs})
		w.syncs = nil
	}
}

// endSync gives up on the connections that still drain.
func (w *worker) endSync() {
	for _, c := range w.conns {
		if c.draining {
			c.draining = false
			w.start(c)
		}
	}
	w.syncing = 1
	w.drained()
}

// processCPU is the CPU time (ns) of this process so far.
func processCPU() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return ts.Nano()
}
