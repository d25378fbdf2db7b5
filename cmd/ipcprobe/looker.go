// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// looker makes a look of each interval: a part in which only sends are counted,
// and a part with all probes, as long as the budget allows. What it keeps does not
// grow with time.
type looker struct {
	observer *observer
	memory   *gateway.Sampler
	duty     *stats.Duty
	interval time.Duration
	length   time.Duration // of the watch; 0: no end
	began    time.Time

	flows results.Flows                // the last reading
	calls map[string]results.CallTable // likewise, by name
}

func newLooker(o *observer, memory *gateway.Sampler, options *watchOptions) *looker {
	return &looker{
		observer: o, memory: memory, duty: stats.NewDuty(options.budget),
		interval: options.interval, length: options.duration,
		began: time.Now(), calls: make(map[string]results.CallTable),
	}
}

// run shows look after look. Its error is what ended it, nil when its time was up.
func (k *looker) run(ctx context.Context, show func(*results.Look) error) error {
	for k.length == 0 || time.Since(k.began) < k.length {
		interval := k.interval
		if k.length > 0 {
			interval = min(interval, max(time.Millisecond, k.length-time.Since(k.began)))
		}
		look, err := k.look(ctx, interval)
		if err != nil {
			return err
		}
		if err := show(look); err != nil {
			return err
		}
	}
	return nil
}

// look observes for one interval.
func (k *looker) look(ctx context.Context, interval time.Duration) (*results.Look, error) {
	length := k.duty.Next(interval)
	var bare, probed results.Slice
	var err error
	if length < interval {
		if bare, err = k.observer.slice(ctx, results.Bare, interval-length); err != nil {
			return nil, err
		}
	}
	if length > 0 {
		if probed, err = k.observer.slice(ctx, results.Probed, length); err != nil {
			return nil, err
		}
	}
	k.duty.Done(&bare, &probed)
	l := &results.Look{
		At: time.Now().UTC().Format(time.RFC3339), ElapsedNs: time.Since(k.began).Nanoseconds(),
		DurationNs: bare.End - bare.Start + probed.End - probed.Start, ProbedNs: probed.End - probed.Start,
		RSSBytes: k.memory.Now().RSS,
	}
	if cost, known := k.duty.Spent(); known {
		l.Cost = &cost
	}
	return l, k.describe(l, bare, probed)
}

// describe fills in what was counted in the interval.
func (k *looker) describe(l *results.Look, bare, probed results.Slice) error {
	flows, err := k.observer.probes.Flows()
	if err != nil {
		return err
	}
	since := flows.Since(&k.flows)
	k.flows = flows
	slices, mode := []results.Slice{bare, probed}, results.Bare
	if bare.End == bare.Start {
		mode = results.Probed
	}
	// How many sends make an answer is known best from all there were.
	stats.SendsToAnswers(&flows, slices)
	l.Traffic = stats.Traffic(&since, slices, mode)
	l.Traffic.Backlog = k.observer.takeBacklog()
	l.Legs = stats.FlowLegs(&since)
	l.CPU = stats.CPU(slices, mode)
	var lossErr, callErr error
	l.Loss, lossErr = k.observer.probes.Loss()
	if probed.End > probed.Start {
		l.Syscalls, callErr = k.syscalls(since.Answers)
		l.Warnings = stats.TrafficDoubts(l.Traffic)
	}
	return errors.Join(lossErr, callErr)
}

// syscalls is the table of the calls since the last time.
func (k *looker) syscalls(answers int64) ([]results.Syscall, error) {
	totals, err := k.observer.probes.CallTotals()
	if err != nil {
		return nil, err
	}
	var tables []results.CallTable
	for _, table := range totals {
		before := k.calls[table.Name]
		tables = append(tables, table.Since(&before))
		k.calls[table.Name] = table
	}
	return stats.Syscalls(tables, answers, errnoName), nil
}
