// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// drive runs the slices and collects what was seen.
func (m *measurement) drive(ctx context.Context, generator *load.Generator, watcher *gateway.Watcher, stderr io.Writer) error {
	o, pid := m.options, m.server.target.PID
	ports, err := m.server.target.Ports(ctx)
	if err != nil {
		return err
	}
	watched := loader.Options{
		Target: pid, Client: generator.PID(), Listening: ports, SampleHz: o.hz, TapeBytes: o.tapeBytes(), Growth: true,
		Datagrams: m.server.socket.Type == gateway.Datagram,
	}
	if err := o.hooking.into(&watched); err != nil {
		return err
	}
	if o.family {
		watched.Children = func() ([]int, error) { return m.lookAtFamily(ctx) }
	}
	probes, err := loader.Open(watched)
	if err != nil {
		return err
	}
	defer probes.Close()
	m.rung = probes.Rung()
	m.warnings = append(m.warnings, probes.Warnings()...)
	process := symbol.OpenProcess(pid)
	defer process.Close()
	m.process = process
	if err := process.Refresh(); err != nil {
		m.warn("some functions have no names: %v", err)
	}
	d, err := newDriver(m, generator, probes, watcher)
	if err != nil {
		return err
	}
	defer d.close()
	placement := gateway.StartPlacement(pid, generator.PID())
	defer placement.Close()
	stopProgress := showProgress(stderr, o.quiet, o.load.Warmup+o.load.Duration, generator)
	err = d.run(ctx)
	stopProgress()
	if err != nil {
		return err
	}
	m.machine = gateway.ReadEnvironment()
	m.machine.Placement = placement.Seen()
	m.awaitTarget(ctx, stderr)
	if m.totals, err = generator.Stop(); err != nil && m.ended == "" {
		m.warn("%v", err)
	}
	m.counts = stats.Answered(append(m.slices[:len(m.slices):len(m.slices)], m.warmup), monotonic(), m.totals.Counts.OK+m.totals.Counts.Error)
	m.addLate(generator.Late())
	m.warnOfEndings()
	m.warnOfShape(ctx)
	m.countThreads(ctx)
	if err := m.takeOrigins(d.origins, process); err != nil {
		m.warn("%v", err)
	}
	return m.collect(probes, process)
}

// standstillMost is how long a run waits at its end for a target that somebody has
// stopped.
const standstillMost = time.Minute

// awaitTarget waits for a target that stands still, with answers owed to us: to
// hang up on it would kill a server that does not ignore SIGPIPE, once it goes on.
func (m *measurement) awaitTarget(ctx context.Context, stderr io.Writer) {
	if !m.vigil.Halted() {
		return
	}
	fmt.Fprintf(stderr, "ipcprobe: the target is stopped and owes answers; waiting up to %v for it to be continued, because to hang up on it may kill it (kill -CONT %d; Ctrl-C leaves at once)\n",
		standstillMost, m.server.target.PID)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	over := time.After(standstillMost)
	for m.vigil.Halted() {
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-look.C:
		}
	}
}

// countThreads looks how many threads the target has by now.
func (m *measurement) countThreads(ctx context.Context) {
	if now, err := gateway.Inspect(ctx, m.server.target.PID); err == nil {
		m.server.target.Threads = max(m.server.target.Threads, now.Threads)
	}
}

// warnOfEndings says that connections died during the run, and of what: the load
// was another than the one asked for.
func (m *measurement) warnOfEndings() {
	if m.ended != "" {
		return
	}
	var n int64
	for _, times := range m.totals.Endings {
		n += times
	}
	if n > 0 {
		m.warn("connections ended %d times in the middle of the run, most of them: %s; they were opened again %d times. The load was not on %d connections all the time",
			n, mostOften(m.totals.Endings), m.totals.Reconnects, m.options.load.Connections)
	}
}

// collect takes what the probes have summed up.
func (m *measurement) collect(probes *loader.Probes, process *symbol.Process) (err error) {
	if err := process.Refresh(); err != nil && m.ended == "" {
		m.warn("some functions have no names: %v", err)
	}
	if m.calls, err = probes.Calls(); err != nil {
		return err
	}
	if m.upstream, err = probes.Upstream(); err != nil {
		return err
	}
	if m.loss, err = probes.Loss(); err != nil {
		return err
	}
	if m.costs, err = probes.Costs(); err != nil {
		m.warn("the cost of each probe is not known: %v", err)
	}
	if m.options.brief && m.options.hz == 0 {
		return nil // nobody asks for stacks
	}
	kernel, err := symbol.OpenKernel()
	if err != nil {
		m.warn("kernel functions have no names: %v", err)
	}
	m.stacks = probes.Stacks(kernel, process)
	m.program = process.Program()
	taken, _ := m.samples.Count(results.OnCPU)
	m.warnOfClock(taken)
	m.addCoverage(probes.Coverage())
	if err := process.Problems(); err != nil {
		m.warn("some functions have no names: %v", err)
	}
	return nil
}

// coveredEnough is the percentage of the target's code that stacks should be
// walked through; some percent of any code only align it.
const coveredEnough = 90

// addCoverage says where stacks will be cut.
func (m *measurement) addCoverage(c results.Coverage) {
	if m.coverage = c; c.Pct() >= coveredEnough {
		return
	}
	text := fmt.Sprintf("stacks can be walked through %.0f %% of the target's code only", c.Pct())
	if len(c.Lacking) > 0 {
		text += "; what lacks unwind tables: " + strings.Join(c.Lacking, ", ")
	}
	m.warn("%s", text)
}
