// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// probeChunk is how often a probe is looked at: one that can't keep its limits
// any more ends then.
const probeChunk = 250 * time.Millisecond

// prober makes short loads. Each is a load generator of its own, which at its
// end takes every owed answer, so that nothing is left for the next.
type prober struct {
	options  load.Options
	server   *watched
	began    time.Time
	limit    time.Duration // of all probes together
	probes   int           // begun
	finished int
	last     results.RateProbe
	stderr   io.Writer
	silent   bool
}

func newProber(ctx context.Context, o *loadOptions, stderr io.Writer) (*prober, error) {
	server, err := watchServer(ctx, o.rates.pid, o.load.Socket)
	if err != nil {
		return nil, err
	}
	return &prober{options: *o.load, server: server, began: time.Now(), limit: o.rates.time,
		stderr: stderr, silent: o.quiet}, nil
}

func (p *prober) close() { p.server.close() }

// closed is the rate that a closed loop reaches, with enough in flight to keep
// a server busy. It is where a search begins, and nothing more is made of it.
func (p *prober) closed(ctx context.Context) (float64, error) {
	const inFlight = 64
	o := p.options
	o.Rate, o.Warmup, o.Duration = "max", 300*time.Millisecond, 1200*time.Millisecond
	if o.Pipeline == 0 {
		o.Pipeline = max(1, inFlight/o.Connections)
	}
	p.show("closed loop")
	summary, err := load.RunChild(ctx, load.SpawnOptions{Executable: "/proc/self/exe", Load: o, Stderr: p.stderr}, nil)
	if err != nil {
		return 0, err
	}
	rate := stats.Merge([]results.Slice{summary.Slice}, results.Bare).RPS()
	switch {
	case summary.Partial && ctx.Err() != nil:
		return 0, ctx.Err()
	case rate == 0:
		return 0, errors.New("find a rate to begin with: the server gave no good answer in a closed loop" +
			complaint(&summary.Totals) + "; try `ipcprobe load` without --search")
	}
	return rate, nil
}

// probe makes one load at a rate and judges it.
func (p *prober) probe(ctx context.Context, order load.ProbeOrder, limits []results.SearchLimit) (results.RateProbe, error) {
	p.probes++
	p.show(fmt.Sprintf("probe %d", p.probes))
	o := p.options
	o.Rate = strconv.FormatFloat(order.Rate, 'f', 3, 64)
	o.Seed += uint64(p.probes)
	made := results.RateProbe{StartNs: time.Since(p.began).Nanoseconds(), OfferedRPS: order.Rate}
	judge, err := load.NewJudge(&o, limits, order.Length.Seconds())
	if err != nil {
		return made, err
	}
	// The child outlives ctx: it has answers to take.
	g, err := load.Spawn(context.WithoutCancel(ctx), load.SpawnOptions{Executable: "/proc/self/exe", Load: o, Stderr: p.stderr})
	if err != nil {
		return made, err
	}
	defer g.Close()
	if _, err := g.Ready(); err != nil {
		return made, err
	}
	slices, usage, err := p.drive(ctx, g, order, judge)
	if err != nil {
		return made, err
	}
	totals, err := g.Stop()
	if err != nil {
		return made, err
	}
	client := stats.Merge(slices, results.Bare)
	usage.fill(&made)
	describe(&made, client, judge, &totals)
	settle(&made, client, judge, &totals, g.Failure())
	p.last = made
	p.finished++
	return made, nil
}

// drive takes a generator through warm-up and the measured part, which ends
// early when its outcome is known.
func (p *prober) drive(ctx context.Context, g *load.Generator, order load.ProbeOrder, judge *load.Judge) ([]results.Slice, usage, error) {
	var measured []results.Slice
	var used usage
	if err := g.Begin(results.Slice{Index: 0, Mode: results.Warmup}, false); err != nil {
		return nil, used, err
	}
	index, left := 0, order.Length
	alive := wait(ctx, g, order.Warmup)
	used.before = p.server.read()
	for mode := results.Bare; ; index++ {
		if !alive || left <= 0 || judge.Lost() {
			mode = results.Gap
			used.after = p.server.read()
		}
		if err := g.Begin(results.Slice{Index: index + 1, Mode: mode}, false); err != nil {
			return nil, used, err
		}
		slice, _, err := g.End(index)
		if err != nil {
			return nil, used, err
		}
		judge.Add(&slice)
		if slice.Mode == results.Bare {
			measured = append(measured, slice)
		}
		if mode == results.Gap {
			return measured, used, ctx.Err()
		}
		length := min(left, probeChunk)
		alive = wait(ctx, g, length)
		left -= length
	}
}

// wait lets the load run; false when it is over or the user has had enough.
func wait(ctx context.Context, g *load.Generator, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-g.Failed():
	}
	return false
}

// describe fills in what the client saw.
func describe(made *results.RateProbe, client *stats.Client, judge *load.Judge, totals *load.Totals) {
	made.DurationNs = int64(client.Seconds * 1e9)
	made.AchievedRPS = client.RPS()
	made.Requests, made.Failed, made.Unanswered = judge.Requests(), judge.Failed(), judge.Unanswered()
	made.GeneratorCPUPct, made.OwnLagP99 = client.GeneratorPct(), totals.OwnLagP99
	if d := stats.Distribution(client.ResponseTime); d != nil {
		made.P50, made.P90, made.P95, made.P99, made.P999 = d.P50, d.P90, d.P95, d.P99, d.P999
	}
}

// settle judges a probe. A miss is the server's when it would have missed with
// the generator's own lateness given to it as well.
func settle(made *results.RateProbe, client *stats.Client, judge *load.Judge, totals *load.Totals, failure error) {
	limit, missed := judge.Missed(0)
	_, servers := judge.Missed(time.Duration(totals.OwnLagP99))
	switch {
	case failure != nil:
		made.Outcome, made.Note = results.ProbeDied, failure.Error()
	case missed && servers:
		made.Outcome, made.Note = results.ProbeMissed, limit.Metric
	case missed:
		made.Outcome, made.Note = results.ProbeLate, limit.Metric
	case judge.Limited():
		made.Outcome = results.ProbeMet
	default:
		made.Outcome = results.ProbePlain
		offer := stats.Offer{RPS: made.OfferedRPS, OwnLagP99: &totals.OwnLagP99, Held: totals.Held}
		if doubts := stats.Validity(client, offer); len(doubts) > 0 {
			made.Outcome, made.Note = results.ProbeLate, doubts[0]
		}
	}
}

// show tells a terminal what is being done, and what the last probe saw.
func (p *prober) show(what string) {
	if p.silent || !isTerminal(p.stderr) {
		return
	}
	line := report.Progress{Phase: what, Elapsed: time.Since(p.began), Total: p.limit, Terminal: true,
		Rate: p.last.AchievedRPS, P99: p.last.P99, Errors: p.last.Failed}
	io.WriteString(p.stderr, line.Line(styleOf(p.stderr)))
}

// quiet removes the line.
func (p *prober) quiet() { clearProgress(p.stderr, p.silent) }

// usage is the machine's and the server's time at both ends of a probe.
type usage struct{ before, after reading }

// reading is one look at the clocks.
type reading struct {
	server  []results.CPUTime // of each of its processes; nil when not known
	machine gateway.Ticks
}

// fill turns two readings into percentages.
func (u *usage) fill(made *results.RateProbe) {
	made.StealPct = gateway.StealPct(u.before.machine, u.after.machine)
	made.IdlePct = stats.SharePct(u.before.machine.Idle, u.after.machine.Idle, u.before.machine.Total, u.after.machine.Total)
	made.ServerCPUPct = stats.Utilisation(u.before.server, u.after.server)
}
