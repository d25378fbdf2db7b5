// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/results"
)

// settings are what every worker of an engine shares and none changes.
type settings struct {
	options Options
	rate    Rate
	codec   wire.Codec
	plain   bool   // glance knows the codec's good answers
	dueless bool   // a request is due when it is sent: a closed loop without think time
	mix     []kind // what is sent
	frame   []byte // the first request, and every one where all are the same
	depth   int    // requests in flight per connection, at most
	socket  int    // type of the server's socket: SOCK_STREAM or one of messages
	clock   clock
	wall    int64          // ns from the clock to Unix time
	next    *atomic.Uint32 // index of the next connection to be opened
}

// worker is one thread of the load: it owns its connections and everything
// that is counted on them. Only mail passes between it and the engine.
type worker struct {
	*settings
	number int // among the engine's workers
	mail   *mailbox

	epoll    epoll
	events   []event
	conns    []*conn
	parked   []parked // given up, and owed answers
	parkedAt int64    // when those were looked at last
	batch    []byte   // the frame, over and over: several requests in one send
	maker    *maker   // of requests that differ; nil when all are the same
	buffer   []byte   // what is being received

	// The schedule of an open loop, and the think times of a closed one.
	schedule *Schedule
	origin   int64
	due      int64
	heldFrom int64 // since this stamp requests wait for room; 0: none do
	holding  bool  // a request is due and no connection has room
	turn     int   // connection that is asked first for room
	dirty    []*conn
	sleptTo  int64 // open loop: when the latest sleep for a request was to end
	margin   int64 // ns by which sleeps end too late here, about the worst of late
	thinking alarms

	// The books.
	slice    openSlice
	past     past      // the slices before
	linger   linger    // a recorded slice that has ended and waits for answers
	late     *interval // latencies of a bare slice that has ended; nil: none yet
	current  *interval
	gap      *interval   // counts what happens outside of slices
	kinds    []kindTally // of the open slice, by kind; nil when there is one kind
	gapKinds []kindTally // the same outside of slices: never told
	kept     *block
	keeping  *openSlice // whose requests keep writes down: slice, or for a moment linger's
	totals   Totals
	ownLag   *tally
	answers  map[string]int64
	endings  map[string]int64
	inFlight int64 // requests in the rings, timeouts not counted
	quota    int64 // requests that may still be begun; -1: no limit
	measured bool  // a measured slice has begun
	always   bool  // requests are kept outside of slices too
	spent    bool  // the quota is used up and answered, and the engine told

	lastPart  []byte // the error answer seen last, and its words
	lastWord  string
	explained int

	syncing   int   // connections that still drain
	syncUntil int64 // when those are given up
	syncs     []results.Sync

	lastIn    int64 // stamp of the last bytes on any connection
	latest    int64 // stamp of the last read of this turn; 0: none
	lookAt    int64 // when to look for timeouts and connections to open
	hasty     bool  // that is sooner than the next tick
	scanAt    int64 // when to look for timeouts again
	alive     int   // open connections
	deadSince int64 // none is open since; 0: there is one
	lastCause string
	failed    bool
	running   bool // the load has begun
	stopping  bool
	stopUntil int64
}

// openSlice is the slice that a worker is in.
type openSlice struct {
	open    bool
	index   int
	mode    results.Mode
	start   int64
	number  int // intervals so far
	record  bool
	room    int // requests that may still be kept
	dropped int64
	cpu     int64 // CPU time of the process at the start; of the slice, when it has ended
}

// newWorker returns a worker with its connections, opened by the caller.
func newWorker(s *settings, number int, conns []*conn, mail *mailbox) (*worker, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make epoll: %w", err)
	}
	w := &worker{
		settings: s, number: number, mail: mail, conns: conns,
		epoll:   epoll{fd: fd, timer: -1, tick: -1},
		events:  make([]event, 256),
		buffer:  make([]byte, 256<<10+wire.HeadMax),
		gap:     &interval{end: never},
		ownLag:  new(tally),
		answers: map[string]int64{}, endings: map[string]int64{},
		quota: -1, margin: firstMargin,
		dirty: make([]*conn, 0, len(conns)),
	}
	w.current = w.gap
	w.keeping = &w.slice
	w.requests()
	if !s.rate.Closed() {
		w.schedule = NewSchedule(s.rate, s.options.Arrivals, s.options.Seed)
		w.due = never
	}
	for _, c := range conns {
		if c.fd >= 0 {
			w.alive++
		}
	}
	if s.options.Think > 0 {
		w.thinking.list = make([]alarm, 0, len(conns)*s.depth)
	}
	err = w.epoll.add(mail.fd, unix.EPOLLIN, wakeTag)
	if err == nil && s.rate.Closed() {
		err = w.epoll.startTick()
	}
	if err != nil {
		w.epoll.close()
		return nil, fmt.Errorf("watch mailbox: %w", err)
	}
	return w, nil
}

// requests prepares what is sent.
func (w *worker) requests() {
	if !uniform(w.mix) {
		w.maker = newMaker(w.settings, w.number)
		if n := len(w.mix); n > 1 {
			w.gapKinds = make([]kindTally, n)
			w.kinds = w.gapKinds
			w.mail.stock(n)
		}
		return
	}
	for range max(1, min(sendMost/len(w.frame), w.depth)) {
		w.batch = append(w.batch, w.frame...)
	}
}

// wakeTag is the tag of the mailbox's event.
const wakeTag = 1<<32 - 1

// run is the loop, on a thread that is locked to it. It returns when a stop has
// been carried out. What a request takes is called from here and no deeper than
// needed: the room for functions that check no stack is small (see quiet.go).
func (w *worker) run() {
	// A timer slack of 1 ns: sleeps end when asked, not 50 µs later. Where this
	// is refused the spin covers most of it.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	defer w.epoll.close()
	now := w.clock.now()
	for _, c := range w.conns {
		if c.fd >= 0 {
			w.watch(c, now)
		}
	}
	for {
		n := w.epoll.wait(w.events, w.patience())
		w.latest = 0
		for i := range w.events[:n] {
			c, what := w.find(&w.events[i])
			if c == nil {
				continue
			}
			if what&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
				for w.take(c) {
				}
				w.moveOn(c)
			}
			if what&unix.EPOLLOUT != 0 && c.fd >= 0 {
				w.flush(c)
				if w.maker != nil && !c.blocked {
					w.moveOn(c) // what had no room in out
				}
			}
		}
		// A closed loop lives on the stamps of its answers.
		if now = w.latest; now == 0 || w.schedule != nil {
			now = w.clock.now()
		}
		if now >= w.lookAt {
			w.look(now)
		}
		switch {
		case w.stopping:
			if w.stopped(now) {
				return
			}
		case !w.running:
		case w.schedule != nil:
			w.learn(now)
			w.pace(now)
		case len(w.thinking.list) > 0:
			w.wakeThinkers(now)
		}
		if w.quota == 0 && w.inFlight == 0 && !w.spent {
			w.tellSpent()
		}
	}
}

// tellSpent tells the engine that this worker's requests are used up.
//
//go:noinline
func (w *worker) tellSpent() {
	w.spent = true
	w.mail.report(report{kind: kindExhausted})
}

// find is the connection that an event is about, and what it says of it; nil
// when the event is stale, or for the worker itself and done with.
//
//go:nosplit
func (w *worker) find(e *event) (*conn, uint32) {
	v := untag(e)
	switch v {
	case wakeTag:
		w.read(w.clock.now())
		return nil, 0
	case timerTag:
		w.epoll.ticked()
		return nil, 0
	}
	c := w.conns[uint32(v)]
	if c.fd < 0 || c.life != uint32(v>>32) {
		return nil, 0
	}
	return c, e.Events
}

// patience is how long (ns) the loop may sleep: until the next request is due,
// less the spin, or the next look around. 0 means that it only looks.
//
//go:nosplit
func (w *worker) patience() int64 {
	until := w.lookAt
	if w.running && !w.stopping {
		switch {
		case w.schedule != nil && !w.holding && w.quota != 0:
			w.sleptTo = w.due - int64(w.options.Spin) - w.margin
			until = min(until, w.sleptTo)
		case len(w.thinking.list) > 0:
			until = min(until, w.thinking.list[0].at-int64(w.options.Spin))
		case w.dueless && !w.hasty:
			// Nothing but answers moves a closed loop.
			return forever
		}
	}
	wait := until - w.clock.now()
	if wait <= 0 {
		w.sleptTo = 0 // it does not sleep
	}
	return wait
}

// timeoutNs is the longest wait for an answer.
func (s *settings) timeoutNs() int64 { return int64(s.options.Timeout / time.Nanosecond) }
