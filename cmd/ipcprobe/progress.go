// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"time"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results/report"
)

// showProgress writes a line a second to a terminal until it is stopped; it
// writes nothing elsewhere or with --quiet.
func showProgress(w io.Writer, quiet bool, total time.Duration, generator *load.Generator) (stop func()) {
	if quiet || !isTerminal(w) {
		return func() {}
	}
	style := styleOf(w)
	began := time.Now()
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		for {
			select {
			case <-done:
				clearProgress(w, quiet)
				return
			case <-ticks.C:
				io.WriteString(w, progressOf(generator.Progress(), time.Since(began), total).Line(style))
			}
		}
	}()
	return func() {
		close(done)
		<-over
	}
}

// showObserving writes the time that has passed, where there is no load to tell of.
func showObserving(w io.Writer, quiet bool, total time.Duration) (stop func()) {
	if quiet || !isTerminal(w) {
		return func() {}
	}
	style, began := styleOf(w), time.Now()
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		for {
			select {
			case <-done:
				clearProgress(w, quiet)
				return
			case <-ticks.C:
				io.WriteString(w, report.Progress{
					Phase: "observing", Elapsed: time.Since(began), Total: total, Foreign: true, Terminal: true,
				}.Line(style))
			}
		}
	}()
	return func() {
		close(done)
		<-over
	}
}

// progressLine is the same for a load that reports its progress itself.
func progressLine(w io.Writer, quiet bool, o *load.Options) func(load.Progress) {
	if quiet || !isTerminal(w) {
		return nil
	}
	style, began := styleOf(w), time.Now()
	return func(seen load.Progress) {
		io.WriteString(w, progressOf(seen, time.Since(began), o.Warmup+o.Duration).Line(style))
	}
}

// clearProgress removes the last line of progress.
func clearProgress(w io.Writer, quiet bool) {
	if !quiet && isTerminal(w) {
		io.WriteString(w, report.Progress{Terminal: true}.Clear())
	}
}

func progressOf(seen load.Progress, elapsed, total time.Duration) report.Progress {
	line := report.Progress{
		Phase: "measuring", Elapsed: elapsed, Total: total,
		Rate: seen.Rate, Errors: seen.Counts.Failed(), Terminal: true,
	}
	if seen.P99 > 0 {
		line.P99 = &seen.P99
	}
	return line
}
