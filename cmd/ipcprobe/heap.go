// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
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
	// The scout finds out what a request costs in the heap phase: slices without
	// probes, with, and without again, at a rate that any server bears.
	scoutSlice  = 150 * time.Millisecond
	scoutSlices = 4 // without probes before and behind; twice as many with
	scoutRate   = 200.0
	// easyShare is the part of the throughput measured before that the heap phase
	// loads at most, whatever the budget.
	easyShare = 0.5
	// heapMoments is how many points the curve of the heap has.
	heapMoments = 100
	leastMoment = 10 * time.Millisecond
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
	nsPerHit    results.Estimate
	answerBytes float64
	rate        float64
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
	h.rate = h.chooseRate()
	return h.measure(ctx)
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
func (h *heapPhase) startLoad(ctx context.Context, rate float64, requests int64) (*load.Generator, *driver, error) {
	h.m.awaitTarget(ctx, h.stderr)
	o := *h.m.options
	l := *o.load
	l.Rate, l.Think, l.Requests, l.Warmup = fmt.Sprintf("%g", rate), 0, requests, 0
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

// throughput is what the target answered a second without probes.
func (h *heapPhase) throughput() float64 {
	return stats.Merge(h.m.slices, h.m.quotedMode()).RPS()
}

// scout measures how often a request stops in a probe, and what a stop costs.
func (h *heapPhase) scout(ctx context.Context) (err error) {
	probes, err := h.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probes.Close()) }()
	h.m.warnings = append(h.m.warnings, probes.Allocator.Notes...)
	_, d, err := h.startLoad(ctx, min(scoutRate, max(1, easyShare*h.throughput())), 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.leave(ctx, d)) }()
	if err := h.scoutSlices(ctx, d, results.Bare, scoutSlices); err != nil {
		return err
	}
	if err := probes.Attach(); err != nil {
		return err
	}
	if err := probes.Count(true, 0); err != nil {
		return err
	}
	if err := h.scoutSlices(ctx, d, results.Probed, 2*scoutSlices); err != nil {
		return err
	}
	sums, err := probes.Sums()
	if err != nil {
		return err
	}
	if err := probes.Detach(); err != nil {
		return err
	}
	if err := h.scoutSlices(ctx, d, results.Bare, scoutSlices); err != nil {
		return err
	}
	return h.learn(sums)
}

// scoutSlices takes n slices in a mode.
func (h *heapPhase) scoutSlices(ctx context.Context, d *driver, mode results.Mode, n int) error {
	for range n {
		if _, _, err := d.turn(mode); err != nil {
			return err
		}
		waitErr := d.wait(ctx, scoutSlice)
		slice, _, err := d.turn(results.Gap)
		if err := errors.Join(waitErr, err); err != nil {
			return err
		}
		h.slices = append(h.slices, slice)
	}
	return nil
}

// learn draws the conclusions of the scout's slices. The probes were on for longer
// than these: how many requests they saw, the bytes that the target sent tell.
func (h *heapPhase) learn(sums *heap.Sums) error {
	var n, bytes int64
	for i := range h.slices {
		for _, v := range h.slices[i].Intervals {
			n += v.Counts.OK + v.Counts.Error
			bytes += v.BytesIn
		}
	}
	if n == 0 || bytes == 0 {
		return fmt.Errorf("no request was answered in %v", 4*scoutSlices*scoutSlice)
	}
	h.answerBytes = float64(bytes) / float64(n)
	seen := float64(sums.AnsweredBytes) / h.answerBytes
	if !sums.Clock || seen == 0 { // both kinds of slices take as long, and so do the gaps
		seen = float64(n) / 2
	}
	h.hits = float64(sums.Hits) / seen
	h.nsPerHit, _ = stats.HitCost(h.slices, h.hits)
	return nil
}

// chooseRate is the rate of the phase: the user's own, or what the budget and an
// easy load of the target allow.
func (h *heapPhase) chooseRate() float64 {
	rate := stats.HeapRate(h.m.options.budget, h.hits, h.nsPerHit)
	rate = min(rate, max(1, easyShare*h.throughput()), load.MaxRate)
	if asked, err := load.ParseRate(h.m.options.load.Rate); err == nil && asked.Flat() {
		rate = min(rate, asked.Count(time.Second))
	}
	return math.Max(rate, 1)
}

// measure loads the target at the chosen rate with the probes on all the time.
func (h *heapPhase) measure(ctx context.Context) (err error) {
	o := h.m.options
	probes, err := h.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probes.Close()) }()
	generator, d, err := h.startLoad(ctx, h.rate, o.load.Requests)
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
	length, most := o.load.Duration, o.load.Duration
	if o.load.Requests > 0 { // their number ends the phase, unless the target stalls
		length = time.Duration(float64(o.load.Requests) / h.rate * 1e9)
		most = 4*length + time.Minute
	}
	stopProgress := showProgress(h.stderr, o.quiet, length, generator)
	defer stopProgress()
	began := time.Now()
	if _, _, err := d.turn(results.Probed); err != nil {
		return err
	}
	curve := probes.Curve()
	sums, why := h.follow(ctx, d, curve, length, most)
	lasted := time.Since(began)
	atEnd := errors.Is(why, errEnough)
	loaded := sums
	if atEnd { // all is answered: the target is at rest, its connections open
		time.Sleep(heapSettle)
		if loaded, err = curve.Look(time.Since(began).Nanoseconds(), h.answerBytes, true); err != nil {
			return err
		}
	}
	h.m.awaitTarget(ctx, h.stderr)
	totals, stopErr := generator.Stop()
	time.Sleep(heapSettle)
	if sums, err = curve.Look(time.Since(began).Nanoseconds(), h.answerBytes, true); err != nil {
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

// follow looks at the heap until the phase is over, which is expected after length;
// the error is what ended it before most of it, errEnough where all requests are
// answered.
func (h *heapPhase) follow(ctx context.Context, d *driver, curve *heap.Curve, length, most time.Duration) (*heap.Sums, error) {
	began := time.Now()
	pace := max(length/heapMoments, leastMoment)
	for {
		left := most - time.Since(began)
		if left <= 0 {
			return nil, nil
		}
		why := d.wait(ctx, min(pace, left))
		h.lookAgain()
		sums, err := curve.Look(time.Since(began).Nanoseconds(), h.answerBytes, false)
		switch {
		case err != nil:
			return nil, err
		case why != nil:
			return sums, why
		case sums.Ending != "":
			return sums, errors.New(sums.Ending)
		}
	}
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
	r.DurationNs, r.RateRPS = lasted.Nanoseconds(), h.rate
	if r.Requests > 0 {
		n := float64(r.Requests)
		r.AllocsPerRequest = float64(loaded.Allocs) / n
		r.FreesPerRequest = float64(loaded.Frees+loaded.OlderFrees) / n
		r.BytesPerRequest = float64(loaded.AllocBytes) / n
	}
	r.Cost = stats.HeapCost(r, loaded.Hits, h.nsPerHit, o.budget)
	r.Method = fmt.Sprintf("every call of the phase was followed; the load ran at %.4g requests/s for the probes to stay inside the budget of %g %% of a core", h.rate, o.budget)
	stats.ScaleMoments(r)
	r.CutPct = stats.CutPct(r.All)
	r.Sites = stats.HeapSites(r.All, topSites)
	h.m.blocks = r
	h.warn(r, counts)
}

func (h *heapPhase) warn(r *results.Heap, counts results.Counts) {
	m := h.m
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
}
