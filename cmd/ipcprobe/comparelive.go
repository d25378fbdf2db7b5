// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/compare"
	"github.com/ipcprobe/ipcprobe/results/limit"
	"github.com/ipcprobe/ipcprobe/results/profile"
	"github.com/ipcprobe/ipcprobe/results/stats"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// capacityShare is the part of the lower capacity at which both builds are loaded.
const capacityShare = 0.6

// capacitySlice is how long, at least, a capacity is measured.
const capacitySlice = time.Second

// duel is a comparison of two servers that is under way.
type duel struct {
	o      *compareOptions
	ctx    context.Context
	stderr io.Writer
	folder string // temporary, for the servers' sockets
	starts int    // of servers, so far
	rate   float64
	closed bool

	began    time.Time
	quads    []compare.Quad
	order    []string
	probed   int // quads that were
	mayProbe bool
	slices   [2][]results.Slice // bare ones, by side, of A against B
	totals   [2]stats.Lateness
	last     [2]*results.Result // of the last probed slice
	copies   *results.Copies    // of the probed slice of A with the most samples
	profiles [2][][]byte
	capacity [2]float64
	seen     results.Placement
	looks    int // at the placement
	sides    [2]results.ComparisonSide
	warnings []string
	spoilt   string // why the comparison is invalid
	stealPct float64
}

// compareLive starts both builds again and again and loads them in turn.
func compareLive(ctx context.Context, o *compareOptions, stdout, stderr io.Writer) error {
	if o.name == "" {
		o.name = time.Now().Format("20060102-150405.000")
	}
	place := placeOf(o, store.DefaultParent+"/x", o.name)
	d, err := newDuel(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer os.RemoveAll(d.folder)
	folder, err := place.create(o.force)
	if err != nil {
		return err
	}
	if err := d.run(); err != nil {
		return errors.Join(err, folder.Abort())
	}
	return finish(ctx, o, d.comparison(), place, folder, d.writeProfiles, stdout, stderr)
}

func newDuel(ctx context.Context, o *compareOptions, stderr io.Writer) (*duel, error) {
	d := &duel{o: o, ctx: ctx, stderr: stderr, began: time.Now()}
	if why := checkPrivileges(); why == nil {
		d.mayProbe = o.probed != 0
	} else if o.probed > 0 {
		return nil, why
	} else if o.probed < 0 {
		d.warnings = append(d.warnings, "nothing was probed, so changes are not explained: "+why.Error())
	}
	folder, err := newScratch()
	if err != nil {
		return nil, fmt.Errorf("make a folder for the builds' sockets: %w", err)
	}
	// The load generator runs as somebody else and has to get to the sockets.
	if err := os.Chmod(folder, 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("open the folder of the builds' sockets: %w", err), os.RemoveAll(folder))
	}
	d.folder = folder
	return d, nil
}

// run settles the rate and takes all quads. What ends it before the first quad is an
// error; later, what was measured until then is judged.
func (d *duel) run() error {
	before, err := gateway.MachineTicks()
	if err != nil {
		return err
	}
	if err := d.settleRate(); err != nil {
		return err
	}
	o := d.o
	layout := compare.Layout(o.plan.Quads, o.plan.Null, o.load.Seed)
	d.tell("%d quads and %d of A against itself, four slices of %v each, at %s", o.plan.Quads, o.plan.Null, o.plan.Slice, d.rateText())
	for i, order := range layout {
		began := time.Now()
		err := d.quad(i, order)
		if err != nil {
			if len(d.quads) == 0 {
				return err
			}
			if d.ctx.Err() == nil {
				d.spoilt = err.Error()
			} else {
				d.warnings = append(d.warnings, fmt.Sprintf("interrupted after %d of %d quads", len(d.quads), len(layout)))
			}
			break
		}
		d.tell("quad %d of %d (%s) took %v", i+1, len(layout), order, time.Since(began).Round(100*time.Millisecond))
	}
	after, err := gateway.MachineTicks()
	if err != nil {
		return err
	}
	d.stealPct = gateway.StealPct(before, after)
	return nil
}

func (d *duel) tell(format string, args ...any) {
	if !d.o.quiet {
		fmt.Fprintf(d.stderr, "ipcprobe: "+format+"\n", args...)
	}
}

func (d *duel) rateText() string {
	if d.closed {
		return "full speed (closed loop)"
	}
	return strconv.FormatFloat(d.rate, 'f', -1, 64) + " requests/s"
}

// settleRate takes the rate that was asked for, or a share of the lower capacity of
// both, found in a closed loop.
func (d *duel) settleRate() error {
	o := d.o
	if o.rateSet {
		rate, err := load.ParseRate(o.load.Rate)
		if err != nil {
			return fmt.Errorf("--rate: %w", err)
		}
		d.closed, d.rate = rate.Closed(), rate.Count(time.Second)
		return nil
	}
	pair, err := d.start(compare.Layout(1, 0, 0)[0])
	if err != nil {
		return err
	}
	defer pair.stop()
	for side, s := range pair {
		measured, err := d.slice(s, "max", 0, max(o.plan.Slice, capacitySlice))
		if err != nil {
			return fmt.Errorf("find the capacity of %s: %w", sideName(side), err)
		}
		d.capacity[side] = stats.Merge([]results.Slice{measured.slice}, results.Bare).RPS()
		if d.capacity[side] <= 0 {
			return fmt.Errorf("find the capacity of %s: it answered no request", sideName(side))
		}
	}
	d.rate = stats.Rounded(capacityShare * min(d.capacity[0], d.capacity[1]))
	o.load.Rate = strconv.FormatFloat(d.rate, 'f', -1, 64)
	return o.load.Check()
}

func sideName(side int) string { return [2]string{"A", "B"}[side] }

// comparison makes the document of what was measured.
func (d *duel) comparison() *results.Comparison {
	o := d.o
	c := &results.Comparison{
		SchemaVersion: results.ComparisonVersion, Valid: true, Evidence: results.EvidenceQuads, Name: o.name,
		Tool:      results.Tool{Version: version, Commit: commit},
		StartedAt: d.began.UTC().Format(time.RFC3339), DurationNs: time.Since(d.began).Nanoseconds(),
		Command: o.args, Environment: gateway.ReadEnvironment(), A: d.sides[0], B: d.sides[1],
		Warnings: d.warnings,
		Design: &results.QuadDesign{
			Preset: o.preset, Seed: o.load.Seed, Order: d.order, SliceNs: o.plan.Slice.Nanoseconds(),
			WarmupNs: o.plan.Warmup.Nanoseconds(), Probed: d.probed,
		},
	}
	c.Environment.StealPct = d.stealPct
	c.Environment.Placement = d.seen
	d.judgeLoad(c)
	c.Metrics = compare.Quads(d.quads, stats.Location)
	gates, _ := o.gateList(compare.QuadMargin) // checked with the flags
	sumUp(c, o, compare.Judge(c.Metrics, gates))
	c.Prediction = compare.Predict(d.copies, c.Metrics)
	c.Limits = limit.Judge(o.limits.Rules, d.resultOf(1, c))
	if d.spoilt != "" {
		c.Invalidate(d.spoilt)
	}
	c.Withhold()
	return c
}

// resultOf is the client's view of one side over all quads, for --limit.
func (d *duel) resultOf(side int, c *results.Comparison) *results.Result {
	client := stats.Merge(d.slices[side], results.Bare)
	r := &results.Result{
		SchemaVersion: results.SchemaVersion, Valid: c.Valid, Environment: c.Environment,
		Latency: client.Latency(), CPU: stats.CPU(d.slices[side], results.Bare),
		Load: d.loadOf(side, client),
	}
	if last := d.last[side]; last != nil {
		r.Syscalls, r.Legs = last.Syscalls, last.Legs
	}
	return r
}

func (d *duel) loadOf(side int, client *stats.Client) *results.Load {
	var length time.Duration
	for i := range d.slices[side] {
		length += time.Duration(d.slices[side][i].End - d.slices[side][i].Start)
	}
	return clientLoad(d.o.load, client, client.Counts, max(length, 1))
}

// judgeLoad decides whether the load was what it was to be, on both sides.
func (d *duel) judgeLoad(c *results.Comparison) {
	for side := range d.slices {
		client := stats.Merge(d.slices[side], results.Bare)
		l := d.loadOf(side, client)
		if side == 1 {
			c.Load = l
		}
		r := &results.Result{Load: l}
		totals := d.totals[side].Total()
		for _, reason := range doubts(r, client, &load.Totals{
			Counts: client.Counts, OwnLagP99: totals.OwnLagP99, Held: totals.Held,
		}, d.o.load) {
			c.Invalidate("under " + sideName(side) + ", " + reason)
		}
		for _, warning := range r.Warnings {
			c.Warn("under " + sideName(side) + ", " + warning)
		}
	}
}

// writeProfiles adds up the profiles of each side's starts.
func (d *duel) writeProfiles(folder *store.Folder) error {
	for side, name := range []string{sideA, sideB} {
		if len(d.profiles[side]) == 0 {
			continue
		}
		var sum bytes.Buffer
		if err := profile.Merge(&sum, d.profiles[side]); err != nil {
			return err
		}
		if err := folder.Write(name, func(w io.Writer) error {
			_, err := sum.WriteTo(w)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
