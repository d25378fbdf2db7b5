// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/memory"
	"github.com/ipcprobe/ipcprobe/results"
)

// watcher is something that looks at a server while a client loads it.
type watcher struct {
	name   string
	visits int           // in each round
	length time.Duration // of a visit
	beside time.Duration // how long the server is left alone before and behind it; 0: bareLength
	begin  func(server, client int) (watching, error)
	turns  []string // what its visits carry in turn, if not the same
}

// watching is a watcher that is at work.
type watching interface {
	// watch lets it look for some time, and says from when until when.
	watch(length time.Duration) (from, to int64, err error)
	// end takes it off. Its error says why what it saw is not to be had.
	end() error
}

// probing is this tool's probes around a slice, as a run has them in a probed one.
type probing struct {
	probes  *loader.Probes
	origins *memory.Probes // nil: not on
	seen    []results.Observation
}

// sockAndSched are the programs that stamp requests and follow threads, without
// those of each system call.
var sockAndSched = []string{
	"sk_data_ready", "sock_recv_length", "sock_send_length", "sched_switch", "sched_wakeup", "sched_waking",
}

// opened begins with probes that are loaded once for all visits, as in a run: what
// loading costs is over before the first slice. Visits carry one after the other of
// what is given.
func opened(tb testing.TB, open func(server, client int) (*probing, error), carried ...results.Carried) func(int, int) (watching, error) {
	loaded, visit := make(map[int]*probing), 0
	return func(server, client int) (watching, error) {
		p := loaded[client]
		if p == nil {
			var err error
			if p, err = open(server, client); err != nil {
				return nil, err
			}
			loaded[client] = p
			tb.Cleanup(func() { _ = p.close() })
			runtime.GC()
		}
		now := carried[visit%len(carried)]
		if !p.probes.Turns() {
			now = results.CarriedAll
		}
		visit++
		if err := errors.Join(p.probes.AttachFor(now), p.probes.Count(true)); err != nil {
			return nil, errors.Join(err, p.end())
		}
		if p.origins != nil && now.Calls() {
			p.origins.Attach()
		}
		return p, nil
	}
}

func everything(server, client int) (*probing, error) {
	p, err := loader.Open(loader.Options{Target: server, Client: client, SampleHz: 199, Growth: true})
	if err != nil {
		return nil, err
	}
	origins, err := memory.Open(memory.Options{Target: server, Shared: p.SharedMaps()})
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &probing{probes: p, origins: origins}, nil
}

func hooksAlone(server, client int) (*probing, error) {
	p, err := loader.Open(loader.Options{Target: server, Client: client, Hooks: sockAndSched})
	if err != nil {
		return nil, err
	}
	return &probing{probes: p}, nil
}

// watch drains as a run does, and ends like one when the memory for records is full.
func (p *probing) watch(length time.Duration) (from, to int64, err error) {
	from = monotonic()
	for to = from; to-from < int64(length) && p.probes.TapeUsedPct() < tapeFull; to = monotonic() {
		pause, err := p.probes.Drain()
		if err != nil {
			return from, to, err
		}
		time.Sleep(min(pause, time.Duration(from+int64(length)-to)))
	}
	return from, to, nil
}

func (p *probing) end() error {
	errs := []error{p.probes.Count(false)}
	if p.origins != nil {
		errs = append(errs, p.origins.Detach())
	}
	errs = append(errs, p.probes.Detach())
	var err error
	p.seen, err = p.probes.Collect(p.seen[:0])
	return errors.Join(append(errs, err)...)
}

func (p *probing) close() error {
	if p.origins == nil {
		return p.probes.Close()
	}
	return errors.Join(p.origins.Close(), p.probes.Close())
}

// foreignTool is a tool of somebody else's.
type foreignTool struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan error
	file   string // what it leaves; empty: it prints
}

// foreignLead is what another tool gets to be at work, after it was started.
const foreignLead = 2 * time.Second

// tool begins a command line in which {pid} is the server and {file} a file.
func tool(folder string, args ...string) func(int, int) (watching, error) {
	return func(server, _ int) (watching, error) {
		path, err := exec.LookPath(args[0])
		if err != nil {
			return nil, fmt.Errorf("%s is not installed", args[0])
		}
		f := &foreignTool{ended: make(chan error, 1)}
		line := make([]string, len(args)-1)
		for i, arg := range args[1:] {
			if strings.Contains(arg, "{file}") {
				f.file = filepath.Join(folder, "seen")
				_ = os.Remove(f.file) // of the visit before
			}
			line[i] = strings.NewReplacer("{pid}", strconv.Itoa(server), "{file}", f.file).Replace(arg)
		}
		f.cmd = exec.Command(path, line...)
		f.cmd.Stdout, f.cmd.Stderr = &f.output, &f.output
		if err := f.cmd.Start(); err != nil {
			return nil, err
		}
		go func() { f.ended <- f.cmd.Wait() }()
		select {
		case err := <-f.ended:
			return nil, fmt.Errorf("it ended at once (%v): %s", err, lastWords(f.output.String()))
		case <-time.After(foreignLead):
			return f, nil
		}
	}
}

func (f *foreignTool) watch(length time.Duration) (from, to int64, err error) {
	from = monotonic()
	select {
	case err := <-f.ended:
		f.ended <- err
		return from, monotonic(), fmt.Errorf("it ended early (%v): %s", err, lastWords(f.output.String()))
	case <-time.After(length):
		return from, monotonic(), nil
	}
}

// end interrupts it, as its user would, and holds that it saw something.
func (f *foreignTool) end() error {
	_ = f.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-f.ended:
	case <-time.After(60 * time.Second):
		_ = f.cmd.Process.Kill()
		<-f.ended
		return errors.New("it did not end within a minute, and was killed")
	}
	seen := f.output.Len()
	if f.file != "" {
		if info, err := os.Stat(f.file); err == nil {
			seen = int(info.Size())
		} else {
			seen = 0
		}
	}
	if seen == 0 {
		return fmt.Errorf("it saw nothing: %s", lastWords(f.output.String()))
	}
	return nil
}

func lastWords(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// histogramsAndStacks is what bpftrace is asked for: each call's time by call, and
// stacks at the rate of a run.
const histogramsAndStacks = `tracepoint:raw_syscalls:sys_enter /pid == {pid}/ { @call[tid] = args->id; @from[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@from[tid]/ { @ns[@call[tid]] = hist(nsecs - @from[tid]); delete(@from[tid]); delete(@call[tid]); }
profile:hz:199 /pid == {pid}/ { @stacks[kstack, ustack] = count(); }`

// watchers are all that is compared.
func watchers(tb testing.TB) []watcher {
	folder := tb.TempDir()
	const long = time.Second
	return []watcher{
		{
			"ipcprobe, probed slices, all but heap", 4, 300 * time.Millisecond, 0,
			opened(tb, everything, results.CarriedCalls, results.CarriedClock),
			[]string{"  those of requests and calls", "  those of CPU samples"},
		},
		{"ipcprobe, all that at the same time", 4, 300 * time.Millisecond, 0, opened(tb, everything, results.CarriedAll), nil},
		{"ipcprobe, sock and sched hooks alone", 4, 300 * time.Millisecond, 0, opened(tb, hooksAlone, results.CarriedAll), nil},
		{"ipcprobe run --no-load, a whole run", 1, 10 * time.Second, 3 * time.Second, wholeRun, nil},
		{"bpftrace, call histogram and stacks", 1, long, 0, tool(folder, "bpftrace", "-e", histogramsAndStacks), nil},
		{"perf record -g -F 199", 1, long, 0, tool(folder, "perf", "record", "-g", "-F", "199", "-p", "{pid}", "-o", "{file}"), nil},
		{"strace -c -f", 1, long, 0, tool(folder, "strace", "-c", "-f", "-p", "{pid}", "-o", "{file}"), nil},
		{"perf trace -s", 1, long, 0, tool(folder, "perf", "trace", "-s", "-p", "{pid}", "-o", "{file}"), nil},
	}
}

// runHere is `ipcprobe run --pid` with these flags of its load, in this process; all
// else is as by default.
func runHere(pid int, noLoad bool, budget float64, args ...string) (*measurement, error) {
	o, err := optionsHere(pid, budget, args...)
	if err != nil {
		return nil, err
	}
	o.noLoad = noLoad
	return measureWith(o)
}

func optionsHere(pid int, budget float64, args ...string) (*runOptions, error) {
	o := &runOptions{pid: pid, budget: budget, hz: 199, quiet: true, tape: "64MiB", format: "text"}
	root := newRun(io.Discard, io.Discard)
	o.load = load.Flags(root.InheritedFlags())
	return o, root.InheritedFlags().Parse(args)
}

func measureWith(o *runOptions) (*measurement, error) {
	if err := o.check(true); err != nil {
		return nil, err
	}
	return measure(context.Background(), o, io.Discard)
}

// wholeNoLoad is `ipcprobe run --no-load` from its first slice to its last; its slices say from when until when.
type wholeNoLoad struct{ server int }

func wholeRun(server, _ int) (watching, error) { return wholeNoLoad{server}, nil }

func (w wholeNoLoad) watch(length time.Duration) (from, to int64, err error) {
	m, err := runHere(w.server, true, 3, "--duration", length.String())
	if err != nil {
		return 0, 0, err
	}
	return m.slices[0].Start, m.slices[len(m.slices)-1].End, nil
}

func (wholeNoLoad) end() error { return nil }
