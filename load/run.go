// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// Summary is what a load alone has measured.
type Summary struct {
	Options  Options
	Warmup   results.Slice // its intervals are counted, and nothing of them quoted
	Slice    results.Slice // the measured part
	Totals   Totals
	Partial  bool   // ended before its time
	EndedBy  string // what ended it, when Partial
	Record   error  // what the Recorder said: it got nothing after that
	Warnings []string
}

// Start makes the load of o inside this process: for a command that does
// nothing else. The garbage collector is off until Close.
func Start(o Options, records int) (*Generator, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	ours, theirs, err := controlPair()
	if err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	g := newGenerator(ours, nil, SpawnOptions{Load: o, MaxRecords: records})
	g.inside = make(chan error, 1)
	go func() { g.inside <- serve(theirs, o, nil) }()
	return g, nil
}

// Run makes the load of o inside this process, without a parent and without a
// kernel's view: warm-up, one measured slice, a stop in good order. progress,
// if not nil, is called about once a second. When ctx ends, what was measured
// until then is returned, marked as partial.
//
// Go's runtime disturbs the load of a process that was not started for it (see
// quiet.go), by about one per cent; RunChild doesn't have that.
func Run(ctx context.Context, o Options, progress func(Progress)) (Summary, error) {
	g, err := Start(o, 0)
	if err != nil {
		return Summary{Options: o}, err
	}
	return g.run(ctx, progress)
}

// RunChild does the same in a child process, which has the rules of Spawn.
func RunChild(ctx context.Context, o SpawnOptions, progress func(Progress)) (Summary, error) {
	// The child outlives ctx: it has answers to take.
	g, err := Spawn(context.WithoutCancel(ctx), o)
	if err != nil {
		return Summary{Options: o.Load}, err
	}
	return g.run(ctx, progress)
}

func (g *Generator) run(ctx context.Context, progress func(Progress)) (Summary, error) {
	defer g.Close()
	o := g.options
	s := Summary{Options: o}
	_, err := g.Ready()
	var trouble *TargetError
	switch {
	case errors.As(err, &trouble) && trouble.Trouble == AnsweredError:
		s.Warnings = append(s.Warnings, err.Error())
	case err != nil:
		return s, err
	}
	s.Warnings = append(s.Warnings, g.Warnings()...)
	index := 0
	if o.Warmup > 0 {
		if s.Warmup, err = g.stretch(ctx, &s, results.Slice{Index: index, Mode: results.Warmup}, o.Warmup, progress); err != nil {
			return s, err
		}
		index++
	}
	if !s.Partial {
		s.Slice, err = g.stretch(ctx, &s, results.Slice{Index: index, Mode: results.Bare}, o.Duration, progress)
		if err != nil {
			return s, err
		}
	}
	if s.Totals, err = g.Stop(); err != nil {
		return s, err
	}
	for _, late := range g.Late() {
		if late.Slice == s.Slice.Index {
			s.Slice.Intervals = append(s.Slice.Intervals, late)
		}
	}
	if err := g.Close(); err != nil {
		return s, err
	}
	s.Record = g.recordErr // nobody writes it any more
	return s, nil
}

// stretch runs one slice to its end, whatever ends it.
func (g *Generator) stretch(ctx context.Context, s *Summary, slice results.Slice, d time.Duration, progress func(Progress)) (results.Slice, error) {
	if err := g.Begin(slice, false); err != nil {
		return slice, err
	}
	over := time.NewTimer(d)
	defer over.Stop()
	every := time.NewTicker(time.Second)
	defer every.Stop()
	exhausted := g.Exhausted()
	if g.options.Requests == 0 {
		exhausted = nil
	}
	for waiting := true; waiting; {
		select {
		case <-over.C:
			waiting = false
		case <-exhausted:
			waiting = false
		case <-ctx.Done():
			s.Partial, s.EndedBy, waiting = true, "interrupted", false
		case <-g.Failed():
			s.Partial, s.EndedBy, waiting = true, g.Failure().Error(), false
		case <-every.C:
			if progress != nil {
				progress(g.Progress())
			}
		}
	}
	ended, _, err := g.End(slice.Index)
	return ended, err
}
