// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// loadOptions are the flags of `ipcprobe load`.
type loadOptions struct {
	load   *load.Options
	rates  *rateOptions
	record string
	format string
	quiet  bool
}

func newLoad(stdout, stderr io.Writer) *cobra.Command {
	o := &loadOptions{}
	var control *int
	command := &cobra.Command{
		Use:   "load --socket PATH",
		Short: "Load a server and print what the client saw; needs no privilege",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if *control >= 0 {
				// Whoever signals the child means the run: the parent ends it in
				// good order. A child that died here would leave answers untaken,
				// and a server that does not ignore SIGPIPE would die of it.
				signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
				return load.Serve(*control, *o.load)
			}
			if err := o.rates.check(c.Flags()); err != nil {
				return err
			}
			if o.rates.asked(c.Flags()) {
				if o.record != "" {
					return errors.New("--record keeps one load, not the many that a search or a curve makes; leave it out")
				}
				return tryRates(c.Context(), o, stdout, stderr)
			}
			return loadAlone(c.Context(), o, c.Flags().Changed("duration"), stdout, stderr)
		},
	}
	flags := command.Flags()
	o.load = load.Flags(flags)
	o.rates = rateFlags(flags)
	control = load.ControlFlag(flags)
	flags.StringVar(&o.record, "record", "", "keep every request in `FILE`, for ipcprobe report")
	flags.StringVar(&o.format, "format", "text", "what goes to standard output: text or json")
	flags.BoolVar(&o.quiet, "quiet", false, "no progress on standard error")
	flags.SortFlags = false
	return command
}

// loadAlone makes a load and prints the client's part of the report.
func loadAlone(ctx context.Context, o *loadOptions, durationSet bool, stdout, stderr io.Writer) error {
	if err := o.check(ctx); err != nil {
		return err
	}
	boundDuration(o.load, durationSet)
	began := time.Now()
	spawn := load.SpawnOptions{Executable: "/proc/self/exe", Load: *o.load, Stderr: stderr}
	var kept *recordFile
	if o.record != "" {
		var err error
		if kept, err = createRecord(o.record, o.load, began); err != nil {
			return err
		}
		spawn.Recorder = kept
	}
	summary, err := load.RunChild(ctx, spawn, progressLine(stderr, o.quiet, o.load))
	clearProgress(stderr, o.quiet)
	if err != nil {
		if kept != nil {
			kept.discard()
		}
		return err
	}
	var notKept error
	if kept != nil {
		notKept = kept.finish(&summary)
	}
	r := resultOfLoad(&summary, began)
	if o.format == "json" {
		err = report.JSON(stdout, r)
	} else {
		err = report.LoadText(stdout, r, summary.Totals.Endings, styleOf(stdout))
	}
	if err := errors.Join(err, notKept); err != nil {
		return err
	}
	return verdict(ctx, r)
}

func (o *loadOptions) check(ctx context.Context) error {
	if o.load.Socket == "" {
		return errors.New("--socket is missing; say which socket to load")
	}
	if err := o.load.Check(); err != nil {
		return err
	}
	if err := checkFormat(o.format); err != nil {
		return err
	}
	return gateway.CheckSocket(ctx, o.load.Socket)
}

// origin says where and by what a load was made.
type origin struct {
	tool        results.Tool
	startedAt   string
	command     []string
	environment results.Environment
}

// resultOfLoad makes the client's part of a result.
func resultOfLoad(s *load.Summary, began time.Time) *results.Result {
	client := stats.Merge([]results.Slice{s.Slice}, results.Bare)
	return resultOfClient(s, client,
		clientLoad(&s.Options, client, s.Totals.Counts, time.Duration(s.Slice.End-s.Slice.Start)),
		origin{results.Tool{Version: version, Commit: commit}, began.UTC().Format(time.RFC3339), os.Args, gateway.ReadEnvironment()})
}

// resultOfClient makes the same of a load that was made somewhere, sometime.
func resultOfClient(s *load.Summary, client *stats.Client, l *results.Load, from origin) *results.Result {
	slices := []results.Slice{s.Slice}
	r := &results.Result{
		SchemaVersion: results.SchemaVersion, Valid: true,
		Tool: from.tool,
		Run: results.Run{
			Name: "load", StartedAt: from.startedAt,
			DurationNs: s.Slice.End - s.Slice.Start, WarmupNs: s.Options.Warmup.Nanoseconds(),
			Slices: stats.RunSlices(slices), Seed: s.Options.Seed, Command: from.command,
			Partial: s.Partial, EndedBy: s.EndedBy,
		},
		Target:      results.Target{Socket: s.Options.Socket, Protocol: s.Options.Protocol},
		Environment: from.environment,
		Load:        l,
		Latency:     client.Latency(),
		Warnings:    s.Warnings,
	}
	uncertain(r, slices, results.Bare)
	for _, reason := range doubts(r, client, &s.Totals, &s.Options) {
		r.Invalidate(reason)
	}
	withholdHeadline(r)
	return r
}
