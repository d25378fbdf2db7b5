// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// Progress is where a run stands, about once a second.
type Progress struct {
	At     int64   // stamp
	Rate   float64 // good answers per second since the progress before
	P99    int64   // response time p99 (ns) since then; 0 when there were no answers
	Counts results.Counts
}

// Totals are the whole life of a generator, all modes and gaps included.
type Totals struct {
	Counts     results.Counts
	Endings    map[string]int64 // connections that died, by cause
	Answers    map[string]int64 // error answers by the server's words; a few, then "other"
	Reconnects int64            // connections opened again
	Late       int64            // answers that came after their timeout
	HalfFrames int64            // connections closed with half a frame sent, after a timeout
	Held       int64            // open loop: requests that waited because no connection had room
	OwnLagP99  int64            // open loop: ns by which the generator itself was late
	OwnLagMax  int64
	Dropped    int64 // requests of recorded slices that were not kept
	CPUNs      int64 // CPU time of the generator's process
}

// Generator commands a load generator: a child process (Spawn) or the same
// engine inside this one. Its methods are for one goroutine, except Progress,
// Failure, Failed, Exhausted and Close, which any may call.
type Generator struct {
	control *os.File
	command *exec.Cmd // nil: the engine runs in this process
	options Options
	records int
	record  Recorder // nil: requests are kept for End

	// Of the goroutine that receives, until it has ended.
	recorded  []results.Request // reused
	recordErr error             // what came of recording

	replies chan reply
	gone    chan struct{} // closed when the control socket has ended
	inside  chan error    // the engine's end, when it runs in this process

	mu          sync.Mutex
	slices      map[int]*sliceStore
	requests    []results.Request
	late        []results.Interval // of slices that End has returned
	connections []results.Connection
	progress    Progress
	warnings    []string // what is not as it should be with the child
	failure     error
	ended       error // why the control socket ended
	stopped     bool  // the child has said its last word
	failed      chan struct{}
	exhausted   chan struct{}
	hushOnce    sync.Once
	closeOnce   sync.Once
	closeErr    error
}

// reply is a child's answer to an order.
type reply struct {
	kind byte
	body []byte
}

func newGenerator(control *os.File, command *exec.Cmd, o SpawnOptions) *Generator {
	if o.MaxRecords <= 0 {
		o.MaxRecords = 4_000_000
	}
	g := &Generator{
		control: control, command: command, options: o.Load, records: o.MaxRecords, record: o.Recorder,
		replies:   make(chan reply, 16),
		gone:      make(chan struct{}),
		slices:    map[int]*sliceStore{},
		failed:    make(chan struct{}),
		exhausted: make(chan struct{}),
	}
	go g.receive()
	return g
}

// Ready waits until all connections are open and the first has answered a
// request, and returns them. A server that can't be loaded is a *TargetError.
// With AnsweredError the connections are returned too and the load may begin
// all the same; with any other error only Close is left to do.
func (g *Generator) Ready() ([]results.Connection, error) {
	wait := 2*g.options.Timeout + 20*time.Second + time.Duration(g.options.Connections)*10*time.Millisecond
	r, err := g.await(wait, kindReady, kindRefused)
	if err != nil {
		return nil, fmt.Errorf("wait for load generator: %w", err)
	}
	if r.kind == kindRefused {
		trouble := &TargetError{}
		if err := decode(r, trouble); err != nil {
			return nil, err
		}
		return nil, g.named(trouble)
	}
	var ready readyReport
	if err := decode(r, &ready); err != nil {
		return nil, err
	}
	if ready.Unfenced != "" {
		g.mu.Lock()
		g.warnings = append(g.warnings, "the load generator parsed the server's answers without a seccomp filter: "+ready.Unfenced)
		g.mu.Unlock()
	}
	if ready.Probe != nil {
		return ready.Connections, g.named(ready.Probe)
	}
	return ready.Connections, nil
}

// named gives a socket that the child knows as a descriptor its name again.
func (g *Generator) named(e *TargetError) *TargetError {
	if e.Socket == socketPath && g.options.Socket != "" {
		e.Detail = strings.ReplaceAll(e.Detail, socketPath, g.options.Socket)
		e.Socket = g.options.Socket
	}
	return e
}

// Warnings returns, after Ready, what is not as it should be with the generator.
func (g *Generator) Warnings() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.warnings)
}

// Begin starts a slice: the load itself with the first call, a new slice of
// the running load with each other. A slice still open ends at the same stamp.
// record keeps each request of the slice for End. Begin returns when the
// generator has switched.
func (g *Generator) Begin(s results.Slice, record bool) error {
	if record {
		g.mu.Lock()
		g.requests = g.requests[:0]
		g.mu.Unlock()
	}
	o := order{Index: s.Index, Mode: s.Mode, Record: record, Records: g.records}
	if g.record != nil {
		o.Record, o.Always = true, true
	}
	if err := g.send(kindBegin, o); err != nil {
		return fmt.Errorf("begin slice %d: %w", s.Index, err)
	}
	if _, err := g.await(g.patience(), kindBegun); err != nil {
		return fmt.Errorf("begin slice %d: %w", s.Index, err)
	}
	return nil
}

// Sync drains each connection once, on its own: no new request until nothing
// is in flight, a stamp, and on at once. It returns the connections that were
// idle within timeout.
func (g *Generator) Sync(timeout time.Duration) ([]results.Sync, error) {
	if err := g.send(kindSync, order{Wait: int64(timeout)}); err != nil {
		return nil, fmt.Errorf("sync connections: %w", err)
	}
	r, err := g.await(timeout+g.patience(), kindSynced)
	if err != nil {
		return nil, fmt.Errorf("sync connections: %w", err)
	}
	var syncs []results.Sync
	return syncs, decode(r, &syncs)
}

// End closes the slice, if a later Begin has not done so, and returns it with
// its intervals, and the requests that ended in it if it was recorded. The
// requests are valid until the next Begin that records. The load goes on.
func (g *Generator) End(index int) (results.Slice, []results.Request, error) {
	if err := g.send(kindEnd, order{Index: index}); err != nil {
		return results.Slice{}, nil, fmt.Errorf("end slice %d: %w", index, err)
	}
	// A recorded slice ends when its last request is answered, or given up.
	if _, err := g.await(g.options.Timeout+g.patience(), kindEnded); err != nil {
		return results.Slice{}, nil, fmt.Errorf("end slice %d: %w", index, err)
	}
	g.mu.Lock()
	store := g.slices[index]
	delete(g.slices, index)
	requests := g.requests
	if store == nil || !store.recorded || g.record != nil {
		requests = nil
	}
	g.mu.Unlock()
	if store == nil {
		return results.Slice{}, nil, fmt.Errorf("end slice %d: there is no such slice", index)
	}
	slice, err := store.decode()
	if err != nil {
		return results.Slice{}, nil, fmt.Errorf("end slice %d: %w", index, err)
	}
	return slice, requests, nil
}

// Stop ends the load in good order: no new request, every owed answer taken
// within the load's timeout, no half frame left, connections closed. It
// returns the totals of the generator's life.
func (g *Generator) Stop() (Totals, error) {
	if err := g.send(kindStop, order{}); err != nil {
		return Totals{}, fmt.Errorf("stop load: %w", err)
	}
	r, err := g.await(g.options.Timeout+g.patience(), kindFinal)
	if err != nil {
		return Totals{}, fmt.Errorf("stop load: %w", err)
	}
	var t Totals
	return t, decode(r, &t)
}

// Connections returns all connections opened so far, those opened again
// included.
func (g *Generator) Connections() []results.Connection {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]results.Connection(nil), g.connections...)
}

// Progress returns the latest progress.
func (g *Generator) Progress() Progress {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.progress
}

// Failed is closed when no load can be made any more: every connection has
// died and none could be opened again, or the child has ended. Slices that are
// open can still be ended in the first case.
func (g *Generator) Failed() <-chan struct{} { return g.failed }

// Failure says why Failed is closed, or nil.
func (g *Generator) Failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure
}

// Exhausted is closed when as many requests as Options.Requests asked for have
// been answered; no more are sent then.
func (g *Generator) Exhausted() <-chan struct{} { return g.exhausted }

// PID is the child's process, or this one when the engine runs inside.
func (g *Generator) PID() int {
	if g.command == nil {
		return os.Getpid()
	}
	return g.command.Process.Pid
}

// Close lets the generator end and waits for it. Without a Stop before, the
// child sees its parent gone, takes every owed answer and closes; if that takes
// much longer than the load's timeout, it is killed. Close is idempotent.
func (g *Generator) Close() error {
	g.closeOnce.Do(func() { g.closeErr = g.close() })
	return g.closeErr
}

func (g *Generator) close() error {
	errs := []error{g.control.Close()}
	<-g.gone
	if g.command == nil {
		return errors.Join(append(errs, <-g.inside)...)
	}
	late := time.AfterFunc(g.options.Timeout+25*time.Second, func() {
		// The process may be gone by now: then there is nothing to kill.
		_ = g.command.Process.Kill()
	})
	defer late.Stop()
	if err := g.command.Wait(); err != nil {
		g.mu.Lock()
		stopped := g.stopped
		g.mu.Unlock()
		if stopped {
			errs = append(errs, fmt.Errorf("load generator: %w", err))
		}
	}
	return errors.Join(errs...)
}

// patience is how long an order may take that waits for nothing but the child.
func (g *Generator) patience() time.Duration { return 30 * time.Second }
