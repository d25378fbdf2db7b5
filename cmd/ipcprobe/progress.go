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
				io.WriteString(w, report.Progress{Terminal: true}.Clear())
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
