// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/limit"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// withLoad are flags of what is only done under a load of ours: the phase that
// follows the heap, and records, which without a load aren't made.
var withLoad = []string{"heap", "allocator", "valgrind", "tape"}

// checkNoLoad refuses flags that say how to load, where nothing is sent.
func checkNoLoad(flags *pflag.FlagSet, o *runOptions) error {
	if o.pid == 0 && len(o.command) == 0 {
		return errors.New("--no-load watches a server that others use; name it with --pid PID or -- COMMAND")
	}
	ofLoad := pflag.NewFlagSet("load", pflag.ContinueOnError)
	load.Flags(ofLoad)
	var wrong error
	flags.Visit(func(f *pflag.Flag) {
		switch {
		case wrong != nil || f.Name == "duration":
		case ofLoad.Lookup(f.Name) != nil:
			wrong = fmt.Errorf("--%s is for a load of ours; leave it out with --no-load", f.Name)
		case slices.Contains(withLoad, f.Name):
			wrong = fmt.Errorf("--%s needs a load of ours; leave it out, or --no-load", f.Name)
		}
	})
	o.load.Warmup = 0
	return wrong
}

// observe measures the traffic that is there: slices with probes, and slices with
// nothing but a counter.
func (m *measurement) observe(ctx context.Context, watcher *gateway.Watcher, stderr io.Writer) (err error) {
	o := m.options
	of := observing{server: m.server, watcher: watcher, hz: o.hz, hooking: &o.hooking, warn: m.warn}
	if o.family {
		of.children = func() ([]int, error) { return m.lookAtFamily(ctx) }
	}
	ob, err := openObserver(ctx, of)
	if err != nil {
		return err
	}
	defer ob.close()
	process := symbol.OpenProcess(m.server.target.PID)
	defer process.Close()
	m.process = process
	if err := process.Refresh(); err != nil {
		m.warn("some functions have no names: %v", err)
	}
	planner := stats.NewPlanner(stats.Plan{Budget: o.budget, Slice: o.slice, Duration: o.load.Duration, Foreign: true})
	stopProgress := showObserving(stderr, o.quiet, o.load.Duration)
	for c := (calendar{slice: o.slice, left: o.load.Duration}); err == nil && c.left > 0; {
		mode := planner.Next()
		length := c.next(mode, planner.Length(mode))
		err = m.observeSlice(ctx, ob, planner, mode, length)
	}
	if err == nil {
		err = m.countCosts(ctx, ob.probes, ob.wait)
	}
	stopProgress()
	m.warnings = append(m.warnings, planner.Warnings()...)
	if err := m.whyCut(ctx, err); err != nil {
		return err
	}
	m.machine = gateway.ReadEnvironment()
	m.warnOfShape(ctx)
	m.countThreads(ctx)
	if m.flows, err = ob.probes.Flows(); err != nil {
		return err
	}
	m.backlog = ob.takeBacklog()
	return m.collect(ob.probes, process)
}

// observeSlice takes the slice that the planner wants next.
func (m *measurement) observeSlice(ctx context.Context, ob *observer, planner *stats.Planner, mode results.Mode, length time.Duration) error {
	on := time.Now()
	slice, err := ob.slice(ctx, mode, length)
	if mode == results.Probed {
		m.probed += time.Since(on)
	}
	if slice.End <= slice.Start {
		return err
	}
	m.slices = append(m.slices, slice)
	planner.Done(&slice)
	if mode != results.Probed {
		return err
	}
	if _, drainErr := ob.probes.Collect(nil); drainErr != nil {
		return drainErr
	}
	m.samples.Add(m.listed()-1, ob.probes.Samples())
	_ = m.process.Refresh() // what it maps in mid-run has names too; the end says what has none
	if err != nil {
		return err
	}
	return ob.wait(ctx, settling(m.options.slice))
}

// listed is how many of the slices stand in the result: all but the gaps.
func (m *measurement) listed() (n int) {
	for i := range m.slices {
		if m.slices[i].Mode != results.Gap {
			n++
		}
	}
	return n
}

// whyCut tells an early end that leaves a report from one that does not.
func (m *measurement) whyCut(ctx context.Context, err error) error {
	var cut interrupted
	switch {
	case err == nil:
		return nil
	case errors.As(context.Cause(ctx), &cut):
		m.cut = cut
	case errors.Is(err, errEnded):
		m.ended = "ended"
	default:
		return err
	}
	if len(m.slices) == 0 {
		return fmt.Errorf("nothing was measured: %w", err)
	}
	return nil
}

// assembleTraffic makes the document of a run without a load of ours. What only a
// client of ours could know is absent.
func assembleTraffic(m *measurement) *results.Result {
	mode := m.quotedMode()
	stats.SendsToAnswers(&m.flows, m.slices)
	r := &results.Result{
		SchemaVersion: results.SchemaVersion, Valid: true,
		Tool:        results.Tool{Version: version, Commit: commit},
		Run:         runOf(m),
		Target:      targetOf(m),
		Environment: m.machine,
		Warnings:    m.warnings,
	}
	r.Target.Protocol = ""
	r.Traffic = stats.Traffic(&m.flows, m.slices, mode)
	r.Traffic.Backlog = m.backlog
	r.Legs = stats.FlowLegs(&m.flows)
	r.Syscalls = stats.Syscalls(m.calls, m.flows.Answers, errnoName)
	r.Upstream = stats.Upstream(m.upstream, m.flows.Answers)
	if r.CPU = stats.CPU(m.slices, mode); r.CPU != nil {
		sampled(r.CPU, m.samples.Stacks(results.OnCPU, m.stacks), m.coverage)
		if words := cutShort(r.CPU); words != "" {
			r.Warn(words)
		}
	}
	r.Memory = &m.memory
	r.Loss = m.loss
	if r.Overhead = stats.Overhead(m.slices, false); r.Overhead != nil {
		r.Overhead.Programs = m.costs
	}
	for _, doubt := range stats.TrafficDoubts(r.Traffic) {
		r.Warn(doubt)
	}
	if mode == results.Probed {
		r.Warn("the whole run was probed: the rate includes the probes' cost")
	}
	judgeProbes(r, m)
	if !r.Valid {
		r.Traffic.AnswersRPS = nil
	}
	r.Limits = limit.Judge(m.options.memory.limits.Rules, r)
	return r
}

// judgeProbes decides whether what the probes counted can be trusted.
func judgeProbes(r *results.Result, m *measurement) {
	if m.ended != "" {
		r.Invalidate("the target " + m.ended + " in the middle of the run")
	}
	for _, happened := range m.vigil.Disturbances() {
		r.Invalidate(happened)
	}
	if !m.loss.Reconciled {
		r.Invalidate("the probes' accounts do not add up: seen is not emitted + filtered + lost")
	}
	switch lost := fmt.Sprintf("the kernel could not hand out %d of %d events", m.loss.Lost, m.loss.Seen); {
	case !m.loss.Bearable():
		r.Invalidate(lost + "; take shorter slices (--slice), more memory (--tape) or a lower rate")
	case m.loss.Lost > 0:
		r.Warn(lost)
	}
}
