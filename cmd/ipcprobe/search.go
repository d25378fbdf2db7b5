// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// Bounds of what may be asked of a search and of a curve.
const (
	minSearchTime = 10 * time.Second
	minCurveTime  = 5 * time.Second
	maxSearchTime = time.Hour
	wideInterval  = 1.2 // upper over lower end above which the answer comes with a warning
	minCurve      = 3
	maxCurve      = 50
)

// rateOptions are the flags of `ipcprobe load` that try many rates.
type rateOptions struct {
	search string // limits; empty: no search
	curve  int    // steps; 0: no curve
	time   time.Duration
	pid    int // of the server; 0: whoever listens on the socket

	limits []results.SearchLimit
}

func rateFlags(flags *pflag.FlagSet) *rateOptions {
	o := &rateOptions{}
	flags.StringVar(&o.search, "search", "", "find the highest rate at which `LIMITS` are kept, such as 'p99<10ms'")
	flags.IntVar(&o.curve, "curve", 0, "response time at `N` rates from idle to saturation")
	flags.DurationVar(&o.time, "search-time", 45*time.Second, "longest time `D` of a search or a curve")
	flags.IntVar(&o.pid, "pid", 0, "with --search or --curve: `PID` of the server (default: who listens on the socket)")
	return o
}

// asked says whether there is a search or a curve to be made.
func (o *rateOptions) asked(flags *pflag.FlagSet) bool {
	return flags.Changed("search") || flags.Changed("curve")
}

// check says what is wrong with the flags. The others that decide a load's
// rates and lengths mean nothing here and are refused.
func (o *rateOptions) check(flags *pflag.FlagSet) (err error) {
	if !o.asked(flags) {
		for _, name := range []string{"search-time", "pid"} {
			if flags.Changed(name) {
				return fmt.Errorf("--%s means nothing without --search or --curve", name)
			}
		}
		return nil
	}
	if flags.Changed("search") && flags.Changed("curve") {
		return errors.New("--search and --curve exclude each other; run one after the other")
	}
	for _, name := range []string{"rate", "duration", "requests", "think", "batch", "warmup"} {
		if flags.Changed(name) {
			return fmt.Errorf("--%s means nothing beside --search and --curve, which choose it; --search-time says how long they may take", name)
		}
	}
	least := minSearchTime
	if flags.Changed("curve") {
		least = minCurveTime
	}
	switch {
	case o.time < least || o.time > maxSearchTime:
		return fmt.Errorf("--search-time is %v, but must be between %v and %v", o.time, least, maxSearchTime)
	case flags.Changed("curve") && (o.curve < minCurve || o.curve > maxCurve):
		return fmt.Errorf("--curve is %d, but must be between %d and %d steps", o.curve, minCurve, maxCurve)
	case flags.Changed("pid") && o.pid <= 0:
		return fmt.Errorf("--pid is %d, but a process id is above 0", o.pid)
	}
	if flags.Changed("search") {
		if o.limits, err = load.ParseLimits(o.search); err != nil {
			return fmt.Errorf("--search: %w", err)
		}
	}
	return nil
}

// tryRates makes a search or a curve and prints it.
func tryRates(ctx context.Context, o *loadOptions, stdout, stderr io.Writer) error {
	if err := o.check(ctx); err != nil {
		return err
	}
	began := time.Now()
	p, err := newProber(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer p.close()
	r := &results.Result{
		SchemaVersion: results.SchemaVersion, Valid: true,
		Tool: results.Tool{Version: version, Commit: commit},
		Run:  results.Run{StartedAt: began.UTC().Format(time.RFC3339), Seed: o.load.Seed, Command: os.Args},
		Target: results.Target{Socket: o.load.Socket, Protocol: o.load.Protocol,
			PID: p.server.pid, Executable: p.server.executable, Command: p.server.command, Threads: p.server.threads},
		Environment: gateway.ReadEnvironment(),
		Warnings:    p.server.warnings,
	}
	if o.rates.curve > 0 {
		err = curveOf(ctx, p, o, r)
	} else {
		err = searchOf(ctx, p, o, r)
	}
	p.quiet()
	r.Run.DurationNs = time.Since(began).Nanoseconds()
	if err := endEarly(ctx, err, p, r); err != nil {
		return err
	}
	switch {
	case o.format == "json":
		err = report.JSON(stdout, r)
	case r.Curve != nil:
		err = report.CurveText(stdout, r, styleOf(stdout))
	default:
		err = report.SearchText(stdout, r, styleOf(stdout))
	}
	if err != nil {
		return err
	}
	if err := verdict(ctx, r); err != nil {
		return err
	}
	if r.Search != nil && r.Search.RateRPS == nil {
		return exit(exitMissed)
	}
	return nil
}

// endEarly tells an end that leaves something to report from one that does not.
func endEarly(ctx context.Context, err error, p *prober, r *results.Result) error {
	if err == nil {
		return nil
	}
	var cut interrupted
	switch {
	case r.Curve == nil && (r.Search == nil || len(r.Search.Probes) == 0), p.finished == 0:
		return err
	case errors.As(context.Cause(ctx), &cut):
		r.Run.EndedBy = cut.Error()
	default:
		r.Run.EndedBy = err.Error()
		r.Invalidate("it broke off: " + err.Error())
	}
	r.Run.Partial = true
	if r.Search != nil {
		r.Search.EndedBy = r.Run.EndedBy
	}
	return nil
}

// searchOf searches and fills in the result's Search.
func searchOf(ctx context.Context, p *prober, o *loadOptions, r *results.Result) error {
	r.Run.Name = "search"
	s := &results.Search{Limits: o.rates.limits, Probes: []results.RateProbe{}}
	var err error
	if s.ClosedRPS, err = p.closed(ctx); err != nil {
		return err
	}
	sought, err := load.Seek(s.ClosedRPS, s.Limits, o.rates.time-time.Since(p.began), func(order load.ProbeOrder) (load.ProbeAnswer, error) {
		from := time.Now()
		probe, err := p.probe(ctx, order, s.Limits)
		if err != nil {
			return load.ProbeAnswer{}, err
		}
		s.Probes = append(s.Probes, probe)
		return load.ProbeAnswer{Outcome: probe.Outcome, Took: time.Since(from)}, nil
	})
	s.RateRPS, s.Interval, s.LowerBound, s.EndedBy = sought.Rate, sought.Interval, sought.LowerBound, sought.EndedBy
	s.GaveWay, s.Reason = stats.GaveWay(s, stats.Room{Threads: p.server.threads, CPUs: r.Environment.CPUs})
	r.Search = s
	if v := s.Interval; v != nil && v[1] > wideInterval*v[0] && !s.LowerBound {
		r.Warn("the interval is wide: the probes contradict each other or are too few; give more --search-time, or a quieter machine")
	}
	if s.LowerBound && err == nil {
		advice := ""
		if s.GaveWay == results.GaveGenerator {
			advice = ". Give the load generator a CPU of its own, or more --threads"
		}
		r.Invalidate("the server's capacity is not known: " + s.Reason + advice)
	}
	return err
}

// curveOf goes through the steps of a curve and fills in the result's Curve.
func curveOf(ctx context.Context, p *prober, o *loadOptions, r *results.Result) error {
	r.Run.Name = "curve"
	c := &results.Curve{Steps: []results.RateProbe{}}
	var err error
	if c.ClosedRPS, err = p.closed(ctx); err != nil {
		return err
	}
	r.Curve = c
	length := load.CurveStepLength(o.rates.time-time.Since(p.began), o.rates.curve)
	for _, rate := range load.CurveSteps(c.ClosedRPS, o.rates.curve) {
		probe, err := p.probe(ctx, load.ProbeOrder{Rate: rate, Warmup: length / 5, Length: length}, nil)
		if err != nil {
			return err
		}
		c.Steps = append(c.Steps, probe)
	}
	return nil
}
