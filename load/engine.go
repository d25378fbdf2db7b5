// SPDX-License-Identifier: Apache-2.0

package load

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/results"
)

// engine is the load of one process: its workers, and what is gathered from
// them for the one who commands it.
type engine struct {
	settings
	out     *outlet
	workers []*worker
	mails   []*mailbox
	wake    chan struct{}
	threads sync.WaitGroup

	own      bool   // this process is the load's own
	unfenced string // why this process may make any system call; "" when nothing was wrong

	begun, ended map[int]*gathered // by slice
	syncs        gathered
	syncList     []results.Sync
	finals       int
	totals       Totals
	ownLag       *tally
	exhausted    int
	failed       int
	counts       results.Counts // progress
	pulse        pulse
}

// gathered adds up what the workers say of one thing.
type gathered struct {
	workers int
	slice   sliceReport
	asked   bool // the commander waits for it
}

// newEngine opens the connections and checks the first with one request. A
// server that answers with an error can be loaded: trouble is AnsweredError
// then, and the engine good.
func newEngine(o Options, out *outlet, fence func() error) (*engine, []results.Connection, *TargetError) {
	e := &engine{
		out: out, wake: make(chan struct{}, 1),
		begun: map[int]*gathered{}, ended: map[int]*gathered{}, ownLag: new(tally),
	}
	unusable := func(err error) *TargetError {
		return &TargetError{Trouble: Unusable, Socket: o.Socket, Detail: err.Error()}
	}
	if err := e.prepare(o); err != nil {
		return nil, nil, unusable(err)
	}
	if e.own = fence != nil; e.own {
		if err := fence(); err != nil {
			e.unfenced = err.Error()
		}
	}
	conns, list, trouble := e.open()
	if trouble != nil && trouble.Trouble != AnsweredError {
		return nil, nil, trouble
	}
	for i := range o.Threads {
		mail, err := newMailbox(o.Threads, e.wake)
		if err != nil {
			return nil, nil, unusable(err)
		}
		// Worker i gets the connections i, i+n, …
		var own []*conn
		for k := i; k < len(conns); k += o.Threads {
			conns[k].slot = uint32(len(own))
			own = append(own, conns[k])
		}
		w, err := newWorker(&e.settings, i, own, mail)
		if err != nil {
			return nil, nil, unusable(err)
		}
		e.mails, e.workers = append(e.mails, mail), append(e.workers, w)
	}
	first := &e.workers[0].totals.Counts
	first.Sent++
	if trouble == nil {
		first.OK++
	} else {
		first.Error++
	}
	return e, list, trouble
}

// prepare makes the settings of o.
func (e *engine) prepare(o Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	rate, err := ParseRate(o.Rate)
	if err != nil {
		return err
	}
	codec, err := wire.Parse(o.Protocol)
	if err != nil {
		return err
	}
	mix, err := o.kinds(codec)
	if err != nil {
		return err
	}
	_, plain := codec.(wire.IPC)
	e.settings = settings{
		plain: plain, dueless: rate.Closed() && o.Think == 0,
		options: o, rate: rate, codec: codec, mix: mix,
		depth: o.depth(rate), clock: newClock(), next: new(atomic.Uint32),
	}
	e.wall = time.Now().UnixNano() - e.clock.now()
	e.frame = firstFrame(&e.settings)
	return raiseFileLimit(o.Connections)
}

// open opens all connections and probes the first.
func (e *engine) open() ([]*conn, []results.Connection, *TargetError) {
	o := &e.options
	var conns []*conn
	var list []results.Connection
	fail := func(t *TargetError) ([]*conn, []results.Connection, *TargetError) {
		for _, c := range conns {
			unix.Close(int(c.fd))
		}
		return nil, nil, t
	}
	var answered *TargetError
	for k := range o.Connections {
		fd, kind, cookie, err := dialAny(o.Socket, o.Timeout)
		e.socket = kind
		if err != nil {
			return fail(dialTrouble(o.Socket, err, o.Timeout))
		}
		c := newConn(0, e.depth)
		c.open(fd, e.next.Add(1)-1, e.clock.now())
		conns = append(conns, c)
		list = append(list, results.Connection{Index: c.index, Cookie: cookie})
		if k > 0 {
			continue
		}
		if _, t := c.probe(e.frame, e.codec, o.Socket, o.Timeout); t != nil {
			if t.Trouble != AnsweredError {
				return fail(t)
			}
			answered = t
		}
	}
	return conns, list, answered
}

// start lets the workers run.
func (e *engine) start() {
	// A worker never gives up its processor, also while it waits; what else
	// this process does needs two more, and as many for calls that block: nobody
	// takes a processor back from those (see hush.go).
	if n := len(e.workers) + 4; runtime.GOMAXPROCS(0) < n {
		runtime.GOMAXPROCS(n)
	}
	e.startThreads()
}

// obey carries orders out until a stop is done. Closing orders is a stop.
func (e *engine) obey(orders <-chan order) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case o, ok := <-orders:
			if !ok {
				o, orders = order{kind: kindStop}, nil
			}
			e.carry(o)
		case <-e.wake:
			e.hear()
			e.gatherBlocks(false)
		case <-tick.C:
			e.gather(false)
			e.beat()
		}
		if e.finals == len(e.workers) {
			e.threads.Wait()
			if err := e.finish(); orders != nil {
				return err
			}
			return nil // nobody is left to tell
		}
	}
}

// carry passes an order on to the workers, or answers it at once where that
// is done.
func (e *engine) carry(o order) {
	switch o.kind {
	case kindEnd:
		if g := e.ended[o.Index]; g != nil && g.workers == len(e.workers) {
			e.sayEnded(o.Index)
			return
		}
		at(e.ended, o.Index).asked = true
	case kindSync:
		e.syncs, e.syncList = gathered{}, nil
	}
	for _, m := range e.mails {
		m.order(o)
	}
}

// hear takes what the workers report.
func (e *engine) hear() {
	for _, m := range e.mails {
		for _, r := range m.reported() {
			e.take(r)
		}
	}
}

func (e *engine) take(r report) {
	all := len(e.workers)
	switch r.kind {
	case kindBegun:
		if g := at(e.begun, r.slice.Index); g.add(r.slice) == all {
			e.out.say(kindBegun, g.slice)
			delete(e.begun, r.slice.Index)
		}
	case kindEnded:
		e.shipKinds(&r)
		g := at(e.ended, r.slice.Index)
		if g.add(r.slice) == all {
			e.gather(true)
			if g.asked {
				e.sayEnded(r.slice.Index)
			}
		}
	case kindSynced:
		e.syncList = append(e.syncList, r.syncs...)
		if e.syncs.workers++; e.syncs.workers == all {
			e.out.say(kindSynced, e.syncList)
		}
	case kindConnection:
		e.out.say(kindConnection, r.connection)
	case kindExhausted:
		if e.exhausted++; e.exhausted == all {
			e.out.say(kindExhausted, nil)
		}
	case kindFailure:
		if e.failed++; e.failed == all {
			e.out.say(kindFailure, failureReport{r.reason})
		}
	case kindFinal:
		e.finals++
		e.totals.add(r.totals)
		for i, n := range r.ownLag.counts {
			e.ownLag.counts[i] += n
		}
	}
}

func (e *engine) sayEnded(index int) {
	e.out.say(kindEnded, e.ended[index].slice)
	delete(e.ended, index)
}

// at is m[index], made if it is not there.
func at(m map[int]*gathered, index int) *gathered {
	if m[index] == nil {
		m[index] = new(gathered)
	}
	return m[index]
}

// add adds one worker's report: the slice is what all workers have in common.
func (g *gathered) add(s sliceReport) int {
	if g.workers == 0 {
		g.slice = s
	} else {
		g.slice.Start, g.slice.End = max(g.slice.Start, s.Start), min(g.slice.End, s.End)
		g.slice.GeneratorNs = max(g.slice.GeneratorNs, s.GeneratorNs) // of the process, read by each
		g.slice.Dropped += s.Dropped
	}
	g.workers++
	return g.workers
}

// finish says the totals, when all workers have ended.
func (e *engine) finish() error {
	e.gather(true)
	for _, m := range e.mails {
		unix.Close(m.fd)
	}
	e.totals.OwnLagP99, e.totals.OwnLagMax = e.ownLag.quantile(0.99), e.ownLag.quantile(1)
	e.totals.CPUNs = processCPU()
	e.out.say(kindFinal, e.totals)
	return e.out.err
}

// add adds what another worker counted.
func (t *Totals) add(o Totals) {
	t.Counts.Add(o.Counts)
	t.Endings, t.Answers = addCounts(t.Endings, o.Endings), addCounts(t.Answers, o.Answers)
	t.Reconnects += o.Reconnects
	t.Late += o.Late
	t.HalfFrames += o.HalfFrames
	t.Held += o.Held
	t.Dropped += o.Dropped
}

func addCounts(to, from map[string]int64) map[string]int64 {
	if to == nil {
		to = map[string]int64{}
	}
	for k, n := range from {
		to[k] += n
	}
	return to
}
