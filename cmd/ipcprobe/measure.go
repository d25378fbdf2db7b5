// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/join"
	"github.com/ipcprobe/ipcprobe/results/profile"
	"github.com/ipcprobe/ipcprobe/results/stats"
	"github.com/ipcprobe/ipcprobe/results/trace"
)

// measurement is everything that was seen; assemble makes a result of it.
type measurement struct {
	options  *runOptions
	began    time.Time
	origin   int64 // CLOCK_MONOTONIC at began
	server   *server
	totals   load.Totals
	warmup   results.Slice   // not quoted
	slices   []results.Slice // bare and probed, in order
	probed   time.Duration   // how long the probes were on
	join     join.Account
	legs     *stats.Legs
	tail     *stats.Tail
	calls    []results.CallTable
	process  *symbol.Process
	samples  *profile.Collector
	trips    *hdrhistogram.Histogram // joined round trips of the slices in which the CPU was sampled
	slowest  trace.Collector
	upstream results.UpstreamSums
	family   *results.Family
	coverage results.Coverage
	program  *results.Mapping // the target's executable
	stacks   []results.Stack  // distinct ones, in the order of Sample.Stack
	loss     *results.Loss
	costs    []results.ProgramCost
	memory   results.Memory
	blocks   *results.Heap          // nil: not asked for, or not to be had
	idle     bool                   // the target answered nothing in the heap phase: others did
	counts   []results.RequestCount // answered, over time
	faults   []results.MemoryOrigin
	growth   []results.MemoryOrigin
	machine  results.Environment
	warnings []string
	rung     loader.Rung
	ended    string         // how the target ended, when it did
	vigil    *gateway.Vigil // what befell the target or the machine meanwhile
	cut      error          // interrupted, when it was
	broken   error          // what became of the load generator, when it ended
	words    string         // the reference gateway's last line
	flows    results.Flows  // of others' clients, with --no-load
	backlog  *results.Backlog
}

func (m *measurement) warn(format string, args ...any) {
	m.warnings = append(m.warnings, fmt.Sprintf(format, args...))
}

// measure drives one run from finding the target to letting it go. Its error
// says why there is nothing to report.
func measure(ctx context.Context, o *runOptions, stderr io.Writer) (*measurement, error) {
	s, err := findServer(ctx, o)
	if err != nil {
		return nil, err
	}
	m := newMeasurement(o, s)
	m.warnings = append(m.warnings, s.notes...)
	err = m.watch(ctx, stderr)
	words, stopErr := s.stop()
	if err != nil {
		return nil, err // the first error is the one to tell
	}
	m.words = words
	o.memory.valgrind.take(m)
	if stopErr != nil {
		m.warn("%v", stopErr)
	}
	return m, nil
}

func newMeasurement(o *runOptions, s *server) *measurement {
	m := &measurement{options: o, server: s, legs: stats.NewLegs(), tail: stats.NewTail(), began: time.Now(), origin: monotonic()}
	m.samples, m.trips = profile.NewCollector(m.bands), results.NewHistogram()
	return m
}

// bands are the round trips that tell fast requests from slow ones, in the slices that
// samples of a kind come from.
func (m *measurement) bands(kind results.SampleKind) profile.Bands {
	if kind == results.OnCPU {
		if trips := stats.Distribution(m.trips); trips != nil {
			return profile.Bands{P50: trips.P50, P99: trips.P99}
		}
		return profile.Bands{}
	}
	if legs := m.legs.Result(); legs != nil && legs.RoundTrip != nil {
		return profile.Bands{P50: legs.RoundTrip.P50, P99: legs.RoundTrip.P99}
	}
	return profile.Bands{}
}

// watch measures the server while its memory and its end are looked after.
func (m *measurement) watch(ctx context.Context, stderr io.Writer) error {
	memory, err := gateway.StartSampler(m.server.target, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	watcher, err := gateway.Watch(ctx, m.server.target)
	if err != nil {
		return err
	}
	defer watcher.Close()
	before, err := gateway.MachineTicks()
	if err != nil {
		return err
	}
	m.vigil = gateway.StartVigil(m.server.target)
	defer m.vigil.Close()
	look := m.load
	if m.options.noLoad {
		look = m.observe
	}
	if err := look(ctx, watcher, stderr); err != nil {
		return endedFirst(watcher, disturbed(m.vigil, err))
	}
	m.settle(ctx, memory)
	m.followHeap(ctx, watcher, stderr)
	m.vigil.Close()
	m.memory.Heap = m.blocks
	m.judgeLeak()
	after, err := gateway.MachineTicks()
	if err != nil {
		return err
	}
	m.machine.StealPct = gateway.StealPct(before, after)
	return nil
}

// load makes the load and measures under it.
func (m *measurement) load(ctx context.Context, watcher *gateway.Watcher, stderr io.Writer) error {
	generator, user, err := startLoad(ctx, m.options, m.server)
	if err != nil {
		return err
	}
	defer generator.Close()
	m.warnings = append(m.warnings, generator.Warnings()...)
	m.server.socket.Holders(ctx)
	if sharers := m.unfollowed(ctx, m.server.socket.Sharers); len(sharers) > 0 {
		m.warn("other processes hold the same listening socket and may answer in its place: %v; what they do is not seen", sharers)
	}
	if user.UID == 0 && os.Geteuid() == 0 {
		m.warn("the load generator ran as root, without capabilities: nobody else may write to the socket")
	}
	return m.drive(ctx, generator, watcher, stderr)
}

// disturbed adds to an error what happened to the target meanwhile, which may well
// be why.
func disturbed(vigil *gateway.Vigil, err error) error {
	vigil.Close()
	for _, happened := range vigil.Disturbances() {
		err = fmt.Errorf("%w; %s", err, happened)
	}
	return err
}

// endedFirst says that the target ended, when that is why something failed.
func endedFirst(watcher *gateway.Watcher, err error) error {
	select {
	case <-watcher.Done():
		return fmt.Errorf("the target %s before there was anything to measure: %w", watcher.Ending(), err)
	case <-time.After(50 * time.Millisecond): // its connections die a moment before it
		return err
	}
}

// monotonic reads CLOCK_MONOTONIC, ns.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return now.Nano()
}
