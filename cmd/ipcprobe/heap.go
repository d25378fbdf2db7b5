// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/heap"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

const (
	// heapRequests is how many requests a heap phase makes, unless it is told: twice
	// what a leak verdict needs. heapLongest is how long it takes for that at most.
	heapRequests = 30_000
	heapLongest  = 75 * time.Second
	// heapSettle is how long the target may take after its last answer to give
	// back what it held for it.
	heapSettle = 100 * time.Millisecond
	// topSites is how many sites the report lists.
	topSites = 10
)

// heapPhase follows every block of the target's allocator under a load of its
// own, behind the ordinary slices.
type heapPhase struct {
	m       *measurement
	watcher *gateway.Watcher
	stderr  io.Writer
	pid     int
	names   *symbol.Process
	tables  *loader.Unwinding // nil: stacks can't be walked

	slices      []results.Slice // of the scout
	hits        float64         // a request
	answerBytes float64
	pace        stats.HeapPace

	seen     results.Counts  // of the phase's slices so far
	measured []results.Slice // they
	clock    requestClock
}

// followHeap runs the phase. What is in its way is a warning: the run has its other
// figures all the same.
func (m *measurement) followHeap(ctx context.Context, watcher *gateway.Watcher, stderr io.Writer) {
	if !m.options.heap {
		return
	}
	if m.ended != "" || m.cut != nil || m.broken != nil {
		m.warn("the heap was not measured: the run ended before its heap phase")
		return
	}
	pid := m.server.target.PID
	h := &heapPhase{m: m, watcher: watcher, stderr: stderr, pid: pid, names: symbol.OpenProcess(pid)}
	if err := h.names.Refresh(); err != nil {
		m.warn("some functions have no names: %v", err)
	}
	var err error
	if h.tables, err = loader.OpenUnwinding(pid); err != nil {
		m.warn("in the heap phase callers alone are known, not their stacks: %v", err)
	} else {
		defer h.tables.Close()
	}
	if err := h.run(ctx); err != nil {
		m.warn("the heap was not measured: %v", err)
	}
	var cut interrupted
	if errors.As(context.Cause(ctx), &cut) {
		m.cut = cut // half a heap phase is half a run: a suite takes it again
	}
}

func (h *heapPhase) run(ctx context.Context) error {
	if err := h.scout(ctx); err != nil {
		return err
	}
	h.pace = stats.PaceHeap(h.bounds())
	return h.measure(ctx)
}

// bounds are what the phase's load has to keep to.
func (h *heapPhase) bounds() stats.HeapLoad {
	o := h.m.options
	l := stats.HeapLoad{
		BudgetPct: o.budget, Hits: h.hits, Throughput: h.throughput(),
		BusyNs: stats.BusyPerRequest(h.slices, results.Probed), Asked: h.asked(),
		Requests: heapRequests, Longest: max(heapLongest, o.load.Duration),
	}
	l.NsPerHit, _ = stats.HitCost(h.slices, h.hits)
	if o.heapLongest > 0 {
		l.Longest = o.heapLongest
	}
	switch {
	case o.heapRequests > 0:
		l.Requests, l.Longest = o.heapRequests, 0
	case o.load.Requests > 0: // their number ends the phase
		l.Requests, l.Longest = o.load.Requests, 0
	}
	return l
}

// asked is the rate that the user set, where it is one; else 0.
func (h *heapPhase) asked() float64 {
	if asked, err := load.ParseRate(h.m.options.load.Rate); err == nil && asked.Flat() {
		return asked.Count(time.Second)
	}
	return 0
}

// throughput is what the target answered a second without probes.
func (h *heapPhase) throughput() float64 {
	return stats.Merge(h.m.slices, h.m.quotedMode()).RPS()
}

// open finds the allocator and loads the probes.
func (h *heapPhase) open() (*heap.Probes, error) {
	o := heap.Options{Target: h.pid, Allocator: h.m.options.allocator}
	if h.tables != nil {
		o.Unwind = h.tables.Maps()
	}
	return heap.Open(o)
}

// startLoad starts a load of the user's kind at a rate of ours; the driver waits
// on what may end it.
func (h *heapPhase) startLoad(ctx context.Context, rate string, requests int64) (*load.Generator, *driver, error) {
	h.m.awaitTarget(ctx, h.stderr)
	o := *h.m.options
	l := *o.load
	l.Rate, l.Think, l.Batch, l.Requests, l.Warmup = rate, 0, false, requests, 0
	l.Duration = time.Hour // the phase ends it
	o.load = &l
	generator, _, err := startLoad(ctx, &o, h.m.server)
	if err != nil {
		return nil, nil, err
	}
	clock, err := gateway.OpenClock(h.m.server.target)
	if err != nil {
		return nil, nil, errors.Join(err, generator.Close())
	}
	return generator, &driver{m: h.m, generator: generator, watcher: h.watcher, clock: clock}, nil
}

// leave ends a load, of a target that doesn't stand still.
func (h *heapPhase) leave(ctx context.Context, d *driver) error {
	h.m.awaitTarget(ctx, h.stderr)
	return errors.Join(d.clock.Close(), d.generator.Close())
}

// measure loads the target in bursts with the probes on all the time.
func (h *heapPhase) measure(ctx context.Context) (err error) {
	probes, err := h.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probes.Close()) }()
	generator, d, err := h.startLoad(ctx, burstsOf(h.pace), h.pace.Requests)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.leave(ctx, d)) }()
	if err := probes.Attach(); err != nil {
		return err
	}
	if err := probes.Count(true, h.answerBytes); err != nil {
		return err
	}
	stopProgress := showProgress(h.stderr, h.m.options.quiet, h.pace.Length(), generator)
	defer stopProgress()
	began := time.Now()
	h.clock = requestClock{answerBytes: h.answerBytes}
	if _, _, err := d.turn(results.Bare); err != nil {
		return err
	}
	curve := probes.Curve()
	sums, why := h.follow(ctx, d, curve)
	lasted := time.Since(began)
	atEnd := errors.Is(why, errEnough)
	loaded := sums
	if atEnd { // all is answered: the target is at rest, its connections open
		time.Sleep(heapSettle)
		if loaded, err = h.look(curve, began, results.Slice{}, true); err != nil {
			return err
		}
	}
	h.m.awaitTarget(ctx, h.stderr)
	totals, stopErr := generator.Stop()
	time.Sleep(heapSettle)
	if sums, err = h.look(curve, began, results.Slice{}, true); err != nil {
		return err
	}
	if !atEnd {
		loaded = sums
	}
	if err := probes.Count(false, 0); err != nil {
		return err
	}
	if err := h.names.Refresh(); err != nil && sums.Ending == "" {
		h.m.warn("some functions have no names: %v", err)
	}
	result := curve.Result(sums, h.names)
	if sums.Ending == "" && why != nil && !atEnd {
		result.Partial = h.whyEnded(ctx, why)
	}
	if stopErr != nil && result.Partial == "" {
		h.m.warn("in the heap phase: %v", stopErr)
	}
	h.finish(result, loaded, totals.Counts, lasted)
	return nil
}

// follow looks at the heap in each rest until the phase is over; the error is what
// ended it before it should have, errEnough where all requests are answered.
func (h *heapPhase) follow(ctx context.Context, d *driver, curve *heap.Curve) (*heap.Sums, error) {
	began := time.Now()
	p := h.pace
	rest := p.Period * time.Duration(p.Parts-p.High) / time.Duration(p.Parts)
	ahead := min(rest/3, lookAhead) // of the next burst
	most := 4*p.Length() + time.Minute
	for next := p.Period - ahead; ; next += p.Period {
		left := most - time.Since(began)
		if left <= 0 {
			return nil, nil
		}
		why := d.wait(ctx, min(max(0, next-time.Since(began)), left))
		if late := time.Since(began) - next; late > 0 {
			next += late / p.Period * p.Period // a burst was missed
		}
		h.lookAgain()
		slice, _, turnErr := d.turn(results.Bare)
		h.count(slice)
		sums, err := h.look(curve, began, slice, false)
		switch {
		case err != nil:
			return nil, err
		case why != nil:
			return sums, why
		case sums.Ending != "":
			return sums, errors.New(sums.Ending)
		case turnErr != nil:
			return sums, turnErr
		}
	}
}

// count adds a slice of the phase.
func (h *heapPhase) count(slice results.Slice) {
	if slice.End <= slice.Start {
		return
	}
	h.seen.Add(slice.Counts())
	// For the cost all that counts is that the probes were on.
	h.measured = append(h.measured, results.Slice{Mode: results.Probed, Intervals: []results.Interval{{Counts: slice.Counts()}}, TargetCPU: slice.TargetCPU})
}

// look takes a moment of the heap behind a slice, with the requests until then.
func (h *heapPhase) look(curve *heap.Curve, began time.Time, slice results.Slice, over bool) (*heap.Sums, error) {
	m, sums, err := curve.Look(results.HeapMoment{
		At: time.Since(began).Nanoseconds(), Rest: over, Idle: h.seen.Sent == h.seen.OK+h.seen.Failed(),
	})
	if err != nil {
		return nil, err
	}
	m.Requests = h.clock.add(slice, sums.AnsweredBytes)
	return sums, nil
}

// lookAgain follows what the target has mapped since, for its stacks and names. A
// target that has just ended keeps what is known.
func (h *heapPhase) lookAgain() {
	if h.tables != nil {
		_ = h.tables.Refresh()
	}
}

// whyEnded words what ended the phase early.
func (h *heapPhase) whyEnded(ctx context.Context, err error) string {
	var cut interrupted
	if errors.As(context.Cause(ctx), &cut) {
		return cut.Error()
	}
	select {
	case <-h.watcher.Done():
		return "the target " + h.watcher.Ending().String()
	default:
		return err.Error()
	}
}

// finish adds what only the whole run knows, and what its reader must know.
func (h *heapPhase) finish(r *results.Heap, loaded *heap.Sums, counts results.Counts, lasted time.Duration) {
	o := h.m.options
	// The first request, which checks the server, came before anything counted.
	r.Requests = max(0, counts.OK+counts.Error-1)
	if counts.Timeout > 0 { // the target may have answered them all the same
		r.Requests = max(r.Requests, r.Moments[len(r.Moments)-1].Requests)
	}
	r.DurationNs, r.RateRPS, r.BurstRPS = lasted.Nanoseconds(), h.pace.Mean(), h.pace.Burst
	if r.Requests > 0 {
		n := float64(r.Requests)
		r.AllocsPerRequest = float64(loaded.Allocs) / n
		r.FreesPerRequest = float64(loaded.Frees+loaded.OlderFrees) / n
		r.BytesPerRequest = float64(loaded.AllocBytes) / n
		each, _ := stats.HitCost(append(h.measured, bareOf(h.slices)...), float64(loaded.Hits)/n)
		r.Cost = stats.HeapCost(r, loaded.Hits, each, o.budget)
	}
	r.Method = fmt.Sprintf("every call of the phase was followed; the load came in bursts of %.4g requests/s with rests between, %.4g requests/s on the whole, for the probes to stay inside the budget of %g %% of a core",
		h.pace.Burst, h.pace.Mean(), o.budget)
	stats.ScaleMoments(r)
	r.CutPct = stats.CutPct(r.All)
	r.Sites = stats.HeapSites(r.All, topSites)
	h.m.blocks, h.m.idle = r, loaded.Clock && loaded.AnsweredBytes == 0 && r.Requests > 0
	h.warn(r, counts)
}

func (h *heapPhase) warn(r *results.Heap, counts results.Counts) {
	m := h.m
	if m.idle {
		m.warn("the target answered none of the requests in the heap phase: other processes did, and their heaps were not seen; --pid of one of them measures it")
	}
	if r.Partial != "" {
		m.warn("the heap phase ended early: %s; its figures are of the %d requests before", r.Partial, r.Requests)
	}
	if r.Forks > 0 {
		m.warn("the target made %d child processes in the heap phase; what they allocated is not counted", r.Forks)
	}
	if r.Lost > 0 {
		m.warn("%d calls of the allocator could not be followed; the heap's figures lack them", r.Lost)
	}
	if failed := counts.Failed() - counts.Error; failed > 0 && r.Partial == "" {
		m.warn("%d of %d requests got no answer in the heap phase", failed, counts.Sent)
	}
	if c := r.Cost; c != nil && c.CorePct > c.BudgetPct {
		m.warn("the heap probes took %.2g %% of a core, more than the budget of %g %%: they cost %.2g µs a request", c.CorePct, c.BudgetPct, c.NsPerHit*c.HitsPerRequest/1000)
	}
	if o := m.options; r.Partial == "" && h.pace.Requests < heapRequests && o.load.Requests == 0 && o.heapRequests == 0 {
		m.warn("the budget of %g %% of a core bears %.3g requests/s in the heap phase, so that it made %d of %d requests in the time it has; --heap-requests %d waits for all of them, %v, and a larger --budget has them sooner",
			o.budget, h.pace.Mean(), r.Requests, heapRequests, heapRequests, time.Duration(heapRequests/h.pace.Mean()*1e9).Round(time.Second))
	}
}
