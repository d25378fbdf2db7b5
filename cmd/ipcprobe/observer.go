// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/results"
)

// backlogPace is how often the observer looks at what waits for the target, at
// most; a look takes about 1 µs for each Unix socket of the machine.
const backlogPace = 100 * time.Millisecond

// observer sees the traffic of others' clients, slice after slice. In a bare
// slice nothing runs but a counter of the target's sends, because nobody else
// tells the rate; in a gap no program is attached. Counts.OK of its slices are sends:
// see stats.SendsToAnswers.
type observer struct {
	probes  *loader.Probes
	watcher *gateway.Watcher
	clock   clock
	waiting *gateway.BacklogReader // nil where the backlog can't be seen
	next    int                    // index of the next slice

	backlog results.Backlog // the largest values since it was last taken
}

// observing says what an observer looks at.
type observing struct {
	server   *server
	watcher  *gateway.Watcher
	hz       int                   // stack samples a second; 0: none
	children func() ([]int, error) // processes that belong to the target; nil: it alone
	hooking  *hooking
	warn     func(string, ...any) // is told what can't be seen
}

// openObserver loads the probes.
func openObserver(ctx context.Context, of observing) (*observer, error) {
	s, warn := of.server, of.warn
	ports, err := s.target.Ports(ctx)
	if err != nil {
		return nil, err
	}
	if len(ports) > 0 {
		warn("the target also listens on %d TCP ports; what comes over TCP is not seen", len(ports))
	}
	o := &observer{watcher: of.watcher}
	options := loader.Options{
		Target: s.target.PID, Listening: ports, SampleHz: of.hz, Watch: true, Children: of.children,
	}
	if err := of.hooking.into(&options); err != nil {
		return nil, err
	}
	if o.probes, err = loader.Open(options); err != nil {
		return nil, err
	}
	for _, warning := range o.probes.Warnings() {
		warn("%s", warning)
	}
	if o.clock, err = openClock(s.target, of.children != nil); err != nil {
		return nil, errors.Join(err, o.close())
	}
	if o.waiting, err = gateway.OpenBacklog(s.target, s.sockets); err != nil {
		warn("what waits for the target is not known: %v", err)
	}
	return o, nil
}

// close detaches and frees everything.
func (o *observer) close() error {
	errs := []error{o.probes.Close()}
	if o.clock != nil {
		errs = append(errs, o.clock.Close())
	}
	if o.waiting != nil {
		errs = append(errs, o.waiting.Close())
	}
	return errors.Join(errs...)
}

// slice observes for some time in a mode. An error that ended the time early, as
// of a target that ended, comes with the slice as far as it went.
func (o *observer) slice(ctx context.Context, mode results.Mode, length time.Duration) (s results.Slice, err error) {
	s = results.Slice{Index: o.next, Mode: mode}
	o.next++
	if mode == results.Gap {
		s.Start = monotonic()
		err = o.wait(ctx, length)
		s.End = monotonic()
		return s, err
	}
	attach := o.probes.AttachLean
	if mode == results.Probed {
		attach = o.probes.Attach
	}
	if err := attach(); err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, o.probes.Detach()) }()
	if mode == results.Probed {
		if err := o.probes.Count(true); err != nil {
			return s, err
		}
	}
	before, err := o.probes.Sends()
	if err != nil {
		return s, err
	}
	s.Start = monotonic()
	s.TargetCPU[0], _ = o.clock.Read() // fails when the target has ended: then there is none
	waitErr := o.pass(ctx, length, mode == results.Probed)
	s.End = monotonic()
	s.TargetCPU[1], _ = o.clock.Read()
	after, err := o.probes.Sends()
	if err != nil {
		return s, err
	}
	if mode == results.Probed {
		if err := o.probes.Count(false); err != nil {
			return s, err
		}
	}
	s.Intervals = []results.Interval{{
		Slice: s.Index, Start: s.Start, End: s.End, Counts: results.Counts{OK: after - before, Sent: after - before},
	}}
	return s, waitErr
}

// wait is a pass with nothing to drain.
func (o *observer) wait(ctx context.Context, length time.Duration) error {
	return o.pass(ctx, length, false)
}

// pass lets time pass, looks at the backlog meanwhile, and drains the probes if they
// count; its error says what ended it early.
func (o *observer) pass(ctx context.Context, length time.Duration, drains bool) error {
	over := time.NewTimer(length)
	defer over.Stop()
	look := time.NewTimer(min(backlogPace, length/2))
	defer look.Stop()
	drain := time.NewTimer(0)
	defer drain.Stop()
	if !drains {
		drain.Stop()
	}
	for {
		select {
		case <-over.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-o.watcher.Done():
			return errEnded
		case <-drain.C:
			pause, err := o.probes.Drain()
			if err != nil {
				return err
			}
			drain.Reset(pause)
		case <-look.C:
			look.Reset(max(backlogPace, 100*o.look()))
		}
	}
}

// errEnded ends an observation whose target is no more.
var errEnded = errors.New("the target ended")

// look takes one look at the backlog and says how long that took.
func (o *observer) look() time.Duration {
	if o.waiting == nil {
		return 0
	}
	began := time.Now()
	if seen, err := o.waiting.Read(); err == nil {
		o.backlog.Raise(seen)
	}
	return time.Since(began)
}

// takeBacklog gives the largest values since the last call, nil where nothing was
// seen.
func (o *observer) takeBacklog() *results.Backlog {
	if o.backlog.Looks == 0 {
		return nil
	}
	seen := o.backlog
	o.backlog = results.Backlog{}
	return &seen
}
