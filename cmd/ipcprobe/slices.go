// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/join"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// turn ends the slice that is open and begins one of another mode. It returns
// the ended one with its requests, if they were recorded.
func (d *driver) turn(mode results.Mode) (results.Slice, []results.Request, error) {
	before, open := d.next-1, d.next > 0
	begin := results.Slice{Index: d.next, Mode: mode}
	reading, _ := d.clock.Read() // fails when the target has ended: then the end is none
	err := d.generator.Begin(begin, mode == results.Probed)
	if err == nil {
		d.next++
	}
	if !open {
		d.begun = reading
		return results.Slice{}, nil, err
	}
	slice, requests, endErr := d.generator.End(before)
	slice.TargetCPU = [2]results.CPUTime{d.begun, reading}
	d.begun = reading
	return slice, requests, errors.Join(err, endErr)
}

// warmup loads the target without counting.
func (d *driver) warmup(ctx context.Context) error {
	if d.m.options.load.Warmup == 0 {
		return nil
	}
	if _, _, err := d.turn(results.Warmup); err != nil {
		return err
	}
	waitErr := d.wait(ctx, d.m.options.load.Warmup)
	slice, _, err := d.turn(results.Gap)
	d.m.warmup = slice
	return errors.Join(waitErr, err)
}

// plan settles the length of the slices. Where a number of requests ends the run,
// the warm-up tells how long that will take.
func (d *driver) plan() {
	o := d.m.options
	expected := o.load.Duration
	if rate := float64(d.m.warmup.Counts().OK) / d.m.warmup.Seconds(); o.load.Requests > 0 && rate > 0 {
		expected = min(expected, time.Duration(float64(o.load.Requests)/rate*1e9))
		if !o.sliceSet {
			o.slice = sliceOf(expected, minSlice)
		}
	}
	d.planner = stats.NewPlanner(stats.Plan{
		Budget: o.budget, Slice: o.slice, Duration: expected, Closed: o.closedLoop(),
		Turns: d.probes.Turns(), Warmup: d.m.warmup,
	})
}

// bareSlice measures what the client sees, with nothing attached.
func (d *driver) bareSlice(ctx context.Context, length time.Duration) error {
	if _, _, err := d.turn(results.Bare); err != nil {
		return err
	}
	waitErr := d.wait(ctx, length)
	slice, _, err := d.turn(results.Gap)
	d.keep(slice)
	return errors.Join(waitErr, err)
}

// probedSlice measures what the kernel sees. The probes are on a little longer
// than the slice: each connection has to come to rest once for the join.
func (d *driver) probedSlice(ctx context.Context, length time.Duration) (err error) {
	on, carried := time.Now(), d.planner.Carries()
	if err := d.probes.AttachFor(carried); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.probes.Detach()) }()
	syncs, enough, err := d.sync()
	if err != nil {
		return err
	}
	if !enough {
		if err := d.probes.Detach(); err != nil {
			return err
		}
		return d.bareSlice(ctx, length)
	}
	if carried.Calls() { // who asks for memory is seen by them
		d.attachOrigins()
	}
	defer func() { err = errors.Join(err, d.detachOrigins()) }()
	if err := d.probes.Count(true); err != nil {
		return err
	}
	if _, _, err := d.turn(results.Probed); err != nil {
		return err
	}
	waitErr := d.waitForTape(ctx, length)
	countErr := d.probes.Count(false)
	slice, requests, turnErr := d.turn(results.Gap)
	if err := errors.Join(d.detachOrigins(), d.probes.Detach()); err != nil {
		return err
	}
	d.m.probed += time.Since(on)
	slice.Carried = carried
	d.keep(slice)
	if slice.End > slice.Start {
		if err := d.joinSlice(slice, requests, syncs); err != nil {
			return err
		}
	}
	if err := errors.Join(waitErr, countErr, turnErr); err != nil {
		return err
	}
	runtime.GC() // here, and not beside the next slice: see run
	return d.wait(ctx, settling(d.m.options.slice))
}

// settling is how long the load gets behind a probed slice of a run with slices of some
// length: also behind a shorter one, which disturbs as much.
func settling(length time.Duration) time.Duration { return min(length/settleShare, settleMost) }

// sync brings each connection to rest once. It does not wait long: a server that
// stalls must not do so unseen, in a gap. When not all have come to rest, the
// slice had better be a bare one, and the next wait is longer; connections that
// never rest are left out in the end.
func (d *driver) sync() (syncs []results.Sync, enough bool, err error) {
	if syncs, err = d.generator.Sync(d.patience); err != nil {
		return nil, false, err
	}
	missing := d.m.options.load.Connections - len(syncs)
	switch {
	case missing <= 0:
		d.patience = firstPatience
	case d.patience < lastPatience && !d.resigned:
		d.patience *= 2
		return nil, false, nil
	default:
		d.resigned, d.patience = true, firstPatience
		d.restless = max(d.restless, missing)
	}
	return syncs, true, nil
}

// waitForTape waits the slice's length, or until the records' memory fills.
func (d *driver) waitForTape(ctx context.Context, length time.Duration) error {
	for over := time.Now().Add(length); ; {
		pause, err := d.probes.Drain()
		if err != nil {
			return err
		}
		left := time.Until(over)
		if left <= 0 {
			return nil
		}
		if err := d.wait(ctx, min(left, pause)); err != nil {
			return err
		}
		if d.probes.TapeUsedPct() > tapeFull {
			d.shortened++
			return nil
		}
	}
}

// joinSlice matches both views of a slice. The client's threads stand still for
// nobody: this runs in the gap behind the slice.
func (d *driver) joinSlice(slice results.Slice, requests []results.Request, syncs []results.Sync) (err error) {
	if d.observations, err = d.probes.Collect(d.observations[:0]); err != nil {
		return err
	}
	loss, err := d.probes.Loss()
	if err != nil {
		return err
	}
	lost := loss.Lost - d.lost
	d.lost += lost
	matcher, take, unqueued := d.matcher, d.take, !d.probes.Rung().SeesQueue()
	if !slice.Carried.Calls() {
		// When a request was queued depends on the begin of its send, and is no matter here.
		matcher, take, unqueued = d.aside, d.serve, true
	}
	matcher.Connections(d.generator.Connections())
	d.joined = matcher.Slice(join.Input{
		Start: slice.Start, End: slice.End,
		Requests: requests, Observations: d.observations, Syncs: syncs, Lost: lost,
		Unqueued: unqueued,
		Each:     take,
	}, d.joined[:0])
	d.serving.Serve(d.probes.Samples())
	d.m.samples.Add(len(d.m.slices)-1, d.probes.Samples())
	d.unnamed = d.m.process.Refresh() // what it maps and unmaps in mid-run has names too
	return nil
}

// take takes what was joined of one connection of a slice.
func (d *driver) take(joined []results.Joined) {
	d.m.legs.Add(joined)
	d.m.tail.Add(joined)
	d.m.slowest.Add(joined, d.probes.Samples())
	d.serve(joined)
	if see := d.m.options.onJoined; see != nil {
		see(joined)
	}
}

// serve takes them for the samples, which belong to requests.
func (d *driver) serve(joined []results.Joined) {
	d.serving.Add(joined)
	if d.m.slices[len(d.m.slices)-1].Carried.Clock() {
		for i := range joined {
			_ = d.m.trips.RecordValue(joined[i].RoundTrip()) // beyond the range: a slow one, which the percentiles can do without
		}
	}
}

// keep stores a slice that was measured.
func (d *driver) keep(slice results.Slice) {
	if slice.End <= slice.Start {
		return
	}
	if d.m.options.load.Duration > fineRun {
		slice.Coarsen()
	}
	d.m.slices = append(d.m.slices, slice)
	d.planner.Done(&slice)
}

// countCosts lets the kernel count the programs' runs and time, in a stretch of
// its own: counting costs each run two clock readings.
func (m *measurement) countCosts(ctx context.Context, probes *loader.Probes, wait func(context.Context, time.Duration) error) (err error) {
	statistics, err := probes.CountRuns()
	if err != nil {
		m.warn("the cost of each probe is not known: %v", err)
		return nil
	}
	defer func() { err = errors.Join(err, statistics.Close()) }()
	if err := probes.Attach(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probes.Detach()) }()
	return wait(ctx, costSlice)
}

// addLate puts the latencies of requests that outlived their slice where they
// belong.
func (m *measurement) addLate(late []results.Interval) {
	for _, interval := range late {
		for i := range m.slices {
			if m.slices[i].Index == interval.Slice {
				m.slices[i].Intervals = append(m.slices[i].Intervals, interval)
			}
		}
	}
}
