// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/limit"
	"github.com/ipcprobe/ipcprobe/results/profile"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// topFunctions is how many functions the report lists.
const topFunctions = 10

// assemble makes the one document of what was seen.
func assemble(m *measurement) *results.Result {
	o := m.options
	if o.noLoad {
		return assembleTraffic(m)
	}
	mode := m.quotedMode()
	quoted := stats.Merge(m.slices, mode)
	r := &results.Result{
		SchemaVersion: results.SchemaVersion, Valid: true,
		Tool:        results.Tool{Version: version, Commit: commit},
		Run:         runOf(m),
		Target:      targetOf(m),
		Environment: m.machine,
		Warnings:    m.warnings,
	}
	if mode == results.Probed {
		r.Warn("the whole run was probed: throughput and response times include the probes' cost")
	}
	r.Load = clientLoad(o.load, quoted, m.counted(), m.lengthOf(results.Bare, results.Probed))
	r.Latency = quoted.Latency()
	uncertain(r, m.slices, mode)

	requests := m.answeredIn(results.Carried.Calls)
	r.Syscalls = stats.Syscalls(m.calls, requests, errnoName)
	r.Upstream = stats.Upstream(m.upstream, m.answeredIn(anything))
	r.CPU = stats.CPU(m.slices, mode)
	if r.CPU != nil {
		if rate, err := load.ParseRate(o.load.Rate); err == nil && !rate.Closed() && !rate.Flat() {
			r.CPU.ByRate = stats.CPUByRate(m.slices, mode)
		}
		stacks := m.samples.Stacks(results.OnCPU, m.stacks)
		sampled(r.CPU, stacks, m.coverage)
		if words := cutShort(r.CPU); words != "" {
			r.Warn(words)
		}
		r.Copies = stats.Copies(stacks, stats.Spent{CPU: m.sampledCPUFor(requests), Requests: requests,
			Calls: m.calls, Fastest: copySpeed(time.Now)})
	}
	r.Memory = &m.memory
	r.Loss = m.loss
	if m.join.Requests() > 0 {
		joined := m.join.Result()
		joined.Identity, joined.Residual = m.legs.Identity(), m.legs.Residual()
		r.Join = &joined
		r.Legs = m.legs.Result()
		r.Tail = m.tail.Result(0.99, r.Legs, m.slices[0].Start)
		r.TailP999 = m.tail.Result(0.999, r.Legs, m.slices[0].Start)
	}
	if r.Overhead = stats.Overhead(m.slices, r.Load.Loop == "closed"); r.Overhead != nil {
		r.Overhead.Programs = m.costs
	}
	judge(r, m, quoted)
	r.Limits = limit.Judge(o.memory.limits.Rules, r)
	return r
}

// answeredIn is how many requests were answered in probed slices that carried what is
// asked for.
func (m *measurement) answeredIn(what func(results.Carried) bool) int64 {
	var c results.Counts
	for _, s := range m.carrying(what) {
		c.Add(s.Counts())
	}
	return c.OK + c.Error
}

// sampledCPUFor is the target's CPU time for so many requests, ns, by those of the
// slices in which it was sampled.
func (m *measurement) sampledCPUFor(requests int64) int64 {
	answered := m.answeredIn(results.Carried.Clock)
	if answered == 0 {
		return 0
	}
	return int64(float64(m.sampledCPU()) * float64(requests) / float64(answered))
}

// anything asks for nothing in particular.
func anything(results.Carried) bool { return true }

// quotedMode is the mode of the slices that the client's figures come from: bare,
// unless the user had the whole run probed.
func (m *measurement) quotedMode() results.Mode {
	for i := range m.slices {
		if m.slices[i].Mode == results.Bare {
			return results.Bare
		}
	}
	return results.Probed
}

// counted is what became of the requests since the warm-up. Those under way at its
// end count where they ended, so that what was sent is what became of it.
func (m *measurement) counted() results.Counts {
	c, w := m.totals.Counts, m.warmup.Counts()
	c.OK -= w.OK
	c.Error -= w.Error
	c.Timeout -= w.Timeout
	c.Broken -= w.Broken
	c.Sent = c.OK + c.Failed() + c.Censored
	return c
}

func runOf(m *measurement) results.Run {
	o := m.options
	run := results.Run{
		Name: o.name, StartedAt: m.began.UTC().Format(time.RFC3339),
		DurationNs: m.lengthOf(results.Gap, results.Bare, results.Probed).Nanoseconds(), WarmupNs: o.load.Warmup.Nanoseconds(),
		Slices: stats.RunSlices(m.slices), Seed: o.load.Seed, Command: o.args, Rung: string(m.rung), Sitting: o.sitting,
	}
	switch {
	case m.ended != "":
		run.Partial, run.EndedBy = true, "the target "+m.ended
	case m.cut != nil:
		run.Partial, run.EndedBy = true, m.cut.Error()
	case m.broken != nil:
		run.Partial, run.EndedBy = true, m.broken.Error()
	}
	return run
}

// lengthOf is the length of all slices of the given modes.
func (m *measurement) lengthOf(modes ...results.Mode) time.Duration {
	var sum int64
	for i := range m.slices {
		if slices.Contains(modes, m.slices[i].Mode) {
			sum += m.slices[i].End - m.slices[i].Start
		}
	}
	return time.Duration(sum)
}

func targetOf(m *measurement) results.Target {
	t := m.server.target
	var nats *results.NATS
	if m.server.own && !m.options.noNATS {
		nats = natsCounts(m.words)
	}
	return results.Target{
		NATS: nats, Children: m.family,
		PID: t.PID, Executable: t.Executable, BuildID: t.BuildID, Command: t.Command,
		Socket: m.server.socket.Name, Threads: t.Threads,
		Protocol: m.options.load.Protocol, Ended: m.ended,
	}
}

// sampled adds what the CPU samples say.
func sampled(cpu *results.CPU, stacks []results.Stack, code results.Coverage) {
	var complete, own int64
	for i := range stacks {
		s := &stacks[i]
		cpu.Samples += s.Samples
		if s.Complete {
			complete += s.Samples
		} else if s.Samples > 0 {
			if cpu.CutStacks == nil {
				cpu.CutStacks = make(map[string]int64)
			}
			cpu.CutStacks[s.Cut] += s.Samples
		}
		if s.Own {
			own += s.Samples
		}
	}
	if cpu.Samples > 0 {
		cpu.CompleteStacksPct = 100 * float64(complete) / float64(cpu.Samples)
		cpu.OwnProgramsPct = 100 * float64(own) / float64(cpu.Samples)
		cpu.Top = profile.Top(stacks, topFunctions)
		if code.Bytes > 0 {
			pct := code.Pct()
			cpu.UnwindCoveragePct = &pct
		}
	}
}

// cutShort warns of stacks that are mostly not whole; empty where they are, and
// where a few samples say too little.
func cutShort(c *results.CPU) string {
	const few = 50
	if c.Samples < few || c.CompleteStacksPct >= coveredEnough {
		return ""
	}
	reasons := slices.SortedFunc(maps.Keys(c.CutStacks), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.CutStacks[b], c.CutStacks[a]), cmp.Compare(a, b))
	})
	return fmt.Sprintf("only %.0f %% of the stacks are whole, most others end at: %s; what functions have with their callees is too low",
		c.CompleteStacksPct, reasons[0])
}

// judge decides whether the figures can be trusted.
func judge(r *results.Result, m *measurement, quoted *stats.Client) {
	for _, reason := range doubts(r, quoted, &m.totals, m.options.load) {
		r.Invalidate(reason)
	}
	if n := r.Target.NATS; n != nil && (n.Published != n.Received || n.Received != n.Answered) {
		r.Invalidate(fmt.Sprintf("messages were lost in NATS: %d published, %d received, %d answered", n.Published, n.Received, n.Answered))
	}
	if m.broken != nil {
		r.Invalidate(m.broken.Error())
	}
	judgeProbes(r, m)
	judgeJoin(r)
	withholdHeadline(r)
}

const (
	fewMatched = 90 // percent: what is left may not stand for the whole
	allMatched = 99 // percent: below, the reader should know
)

// judgeJoin decides whether the joined requests stand for all.
func judgeJoin(r *results.Result) {
	switch {
	case r.Join == nil:
		r.Warn("no request was joined with the kernel's view: where its time goes is not known")
	case r.Join.MatchedPct < fewMatched:
		r.Invalidate(fmt.Sprintf("only %.1f %% of the requests could be joined with the kernel's view", r.Join.MatchedPct))
	case r.Join.MatchedPct < allMatched:
		r.Warn(fmt.Sprintf("%.1f %% of the requests could not be joined with the kernel's view; the legs are of the others", 100-r.Join.MatchedPct))
	}
}

// errnoName is the symbol of an error number; the kernel's own restarts have
// none that a program ever sees.
func errnoName(errno int) string {
	if name := unix.ErrnoName(unix.Errno(errno)); name != "" {
		return name
	}
	return "restarted"
}
