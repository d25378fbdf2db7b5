// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

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
	m.samples = profile.NewCollector(m.bands)
	return m
}

// bands are the round trips that tell fast requests from slow ones.
func (m *measurement) bands() profile.Bands {
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
	m.vigil.Close()
	m.settle(ctx, memory)
	m.followHeap(ctx, watcher, stderr)
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

// startLoad starts the load generator as the first user whom the socket lets
// in, and waits until it is connected.
func startLoad(ctx context.Context, o *runOptions, s *server) (*load.Generator, gateway.User, error) {
	o.load.Socket = s.socket.Address
	reached := s.socket.Address
	var file *os.File
	if reached == "" { // in a container: the generator is handed the file itself
		var err error
		if file, err = s.socket.OpenSocket(); err != nil {
			return nil, gateway.User{}, fmt.Errorf("connect to %s: %s: %w", s.socket.String(), s.socket.Problem, err)
		}
		defer file.Close()
		o.load.Socket, reached = s.socket.Name, fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	}
	var refused error
	for _, user := range gateway.LoadUsers(os.Getenv, reached, s.target) {
		// The generator ends in its own order, after its answers: not with ctx.
		generator, err := load.Spawn(context.WithoutCancel(ctx), load.SpawnOptions{
			Executable:     "/proc/self/exe",
			Load:           *o.load,
			SocketFile:     file,
			DropPrivileges: os.Geteuid() == 0,
			UID:            user.UID, GID: user.GID, Groups: user.Groups,
			Stderr: os.Stderr,
		})
		if err != nil {
			return nil, user, err
		}
		err = ready(ctx, generator)
		var target *load.TargetError
		switch {
		case err == nil, errors.As(err, &target) && target.Trouble == load.AnsweredError:
			// Answers that are errors can be measured; the result says so.
			return generator, user, nil
		case errors.As(err, &target) && target.Trouble == load.NotPermitted:
			refused = err
			_ = generator.Close() // it has nothing open
			continue
		default:
			return nil, user, errors.Join(err, generator.Close())
		}
	}
	return nil, gateway.User{}, refused
}

// ready waits until the load generator is connected and answered. A server that
// does not answer must not keep the user from leaving.
func ready(ctx context.Context, generator *load.Generator) error {
	done := make(chan error, 1)
	go func() {
		_, err := generator.Ready()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		// Its control socket's end tells the generator to take what it is owed
		// and leave; Ready then returns.
		err := generator.Close()
		<-done
		return errors.Join(ctx.Err(), err)
	}
}

// drive runs the slices and collects what was seen.
func (m *measurement) drive(ctx context.Context, generator *load.Generator, watcher *gateway.Watcher, stderr io.Writer) error {
	o, pid := m.options, m.server.target.PID
	ports, err := m.server.target.Ports(ctx)
	if err != nil {
		return err
	}
	watched := loader.Options{
		Target: pid, Client: generator.PID(), Listening: ports, SampleHz: o.hz, TapeBytes: o.tapeBytes(),
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

// monotonic reads CLOCK_MONOTONIC, ns.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return now.Nano()
}
