// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/memory"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/join"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

const (
	// firstPatience is how long connections may take to come to rest, and
	// lastPatience how long at most, after several attempts.
	firstPatience = 100 * time.Millisecond
	lastPatience  = time.Second
	// garbageMost is how much memory may be in use before garbage is collected in
	// the middle of a slice, bytes.
	garbageMost = 1 << 30
	// After a probed slice the load gets a part of a slice's length to find back
	// into its own rhythm. Where client and server sleep between requests, who
	// waits for whom has more than one stable pattern, and the one that the
	// probes brought about outlives them by a tenth of a second or two.
	settleShare = 2
	settleMost  = 250 * time.Millisecond
	// tapeFull is when a probed slice ends early, percent of the memory for
	// records: what is left holds what comes until the probes are off.
	tapeFull = 80
	// fineRun is how long a run may be for its 100 ms intervals to be kept: they
	// take up to a MiB a second.
	fineRun = time.Minute
	// costSlice is how long the kernel's statistics of BPF programs are on.
	costSlice = 200 * time.Millisecond
)

// errEnough ends a run whose --requests have been answered.
var errEnough = errors.New("enough requests were answered")

// driver takes a run through its slices. Between two of them is a gap, in which
// probes come on or off and records are joined, so that nothing of ours runs
// beside a slice that is quoted.
type driver struct {
	m         *measurement
	generator *load.Generator
	probes    *loader.Probes
	origins   *memory.Probes // nil: not to be had
	watcher   *gateway.Watcher
	clock     clock
	planner   *stats.Planner
	matcher   *join.Matcher
	aside     *join.Matcher   // of slices without system calls: it tells what samples belong to
	next      int             // index of the next slice
	begun     results.CPUTime // the target's clocks when the open slice began
	restless  int             // connections that never came to rest, at most
	patience  time.Duration   // how long they may take the next time
	resigned  bool            // some never will
	unnamed   error           // why functions of files that were mapped last have no names
	shortened int             // probed slices that ended because their memory was full

	lost         uint64                // events, up to the last slice
	observations []results.Observation // reused
	joined       []results.Joined      // of one connection; reused
	serving      join.Serving
}

func newDriver(m *measurement, g *load.Generator, p *loader.Probes, w *gateway.Watcher) (*driver, error) {
	clock, err := openClock(m.server.target, m.options.family)
	if err != nil {
		return nil, err
	}
	return &driver{
		m: m, generator: g, probes: p, watcher: w, clock: clock, origins: m.followMemory(p),
		matcher: join.New(), aside: join.New(), patience: firstPatience,
	}, nil
}

// clock reads the CPU time of what is measured.
type clock interface {
	Read() (results.CPUTime, error)
	Close() error
}

// openClock opens the CPU clock of a target, with that of its children if they are
// followed.
func openClock(t *gateway.Target, family bool) (clock, error) {
	if family {
		return gateway.OpenFamilyClock(t)
	}
	return gateway.OpenClock(t)
}

func (d *driver) close() {
	_ = d.clock.Close() // read only
	if d.origins != nil {
		_ = d.origins.Close()
	}
}

// run goes through warm-up and slices until the time is up, the requests are
// answered, the target has ended or the user has had enough.
func (d *driver) run(ctx context.Context) error {
	o := d.m.options
	// Garbage is collected in the gaps alone, or when there is a lot of it.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(garbageMost))
	err := d.warmup(ctx)
	d.plan()
	for c := (calendar{slice: o.slice, left: o.load.Duration}); err == nil && c.left > 0; {
		mode := d.planner.Next()
		length := c.next(mode, d.planner.Length(mode))
		if mode == results.Probed {
			err = d.probedSlice(ctx, length)
		} else {
			err = d.bareSlice(ctx, length)
		}
	}
	if err == nil && !o.brief {
		err = d.m.countCosts(ctx, d.probes, d.wait)
	}
	d.m.join = d.matcher.Account()
	if aside := d.aside.Account().Result(); aside.Requests > 0 && aside.MatchedPct < fewMatched {
		d.m.warn("in the slices of CPU samples %.1f %% of the requests could be joined: what request a sample belongs to is known for those", aside.MatchedPct)
	}
	d.release()
	d.m.warnings = append(d.m.warnings, d.planner.Warnings()...)
	if d.restless > 0 {
		d.m.warn("%d of %d connections never came to rest: requests on them could not be joined", d.restless, d.m.options.load.Connections)
	}
	if d.shortened > 0 {
		d.m.warn("%d probed slices ended early, because the memory for their records was full", d.shortened)
	}
	if d.unnamed != nil {
		d.m.warn("some functions have no names: %v", d.unnamed)
	}
	return d.whyEnded(ctx, err)
}

// release gives up what slices were joined in, and its memory to the system, before
// the report is made: beside that, the collector would let the heap grow to twice as
// much.
func (d *driver) release() {
	d.observations, d.joined, d.matcher, d.aside, d.serving = nil, nil, nil, nil, join.Serving{}
	debug.FreeOSMemory()
}

// whyEnded tells an end that leaves a report from one that does not.
func (d *driver) whyEnded(ctx context.Context, err error) error {
	var cut interrupted
	switch {
	case err == nil, errors.Is(err, errEnough):
		return nil
	case errors.As(context.Cause(ctx), &cut):
		d.m.cut = cut
	default:
		select {
		case <-d.watcher.Done():
			d.m.ended = d.watcher.Ending().String()
		case <-d.generator.Failed():
			if errors.Is(d.generator.Failure(), load.ErrGone) {
				d.m.broken = d.generator.Failure()
				break
			}
			d.m.ended = fmt.Sprintf("does not answer any more: %v", d.generator.Failure())
		case <-time.After(100 * time.Millisecond):
			return err
		}
	}
	switch {
	case len(d.m.slices) > 0:
		return nil
	case d.m.broken != nil: // one cause, and not each step that failed of it
		return fmt.Errorf("nothing was measured: %w", d.m.broken)
	}
	return fmt.Errorf("nothing was measured: %w", err)
}

// wait sleeps; its error says what ended the sleep early.
func (d *driver) wait(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-d.watcher.Done():
		return errors.New("the target ended")
	case <-d.generator.Failed():
		return d.generator.Failure()
	case <-d.generator.Exhausted():
		return errEnough
	}
}
