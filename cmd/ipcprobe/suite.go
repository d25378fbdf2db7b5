// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// suiteOptions are the flags of `ipcprobe suite`. What the phases share is in run.
type suiteOptions struct {
	run    runOptions
	parent string // folder of the runs and of the baseline
	quick  bool
	resume bool
	rate   float64       // of the phases at a fixed rate
	length time.Duration // of the throughput phase; 0: as quick says
	short  time.Duration // most that a phase lasts, for tests; 0: as long as it should
}

func newSuite(stdout, stderr io.Writer) *cobra.Command {
	o := &suiteOptions{}
	command := &cobra.Command{
		Use:   "suite --name NAME [--pid PID | -- COMMAND…]",
		Short: "Throughput, latency, memory and CPU in turn, held against targets",
		Long: `Measures throughput, latency, memory and CPU of a server one after the other,
prints what each came to, and writes NAME_baseline.md: the targets with what was
measured, and what dominates. Each phase is a run of its own beside it, called
NAME-throughput and so on, for ipcprobe report, view and compare.

The targets are throughput>5000, p99<10ms, rss<50MB and cpu<30% (at 2,500
requests/s); --limit changes them and adds others.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			o.run.command, o.run.args = args, os.Args
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return fmt.Errorf("unknown argument %q; a command to start stands behind --", args[0])
			}
			if err := o.run.checkReference(c.Flags()); err != nil {
				return err
			}
			if err := o.check(c.Flags().Changed("pid")); err != nil {
				return err
			}
			return suite(c.Context(), o, stdout, stderr)
		},
	}
	flags := command.Flags()
	o.run.load = suiteLoadFlags(flags)
	flags.StringVar(&o.run.name, "name", "", "`NAME` of the baseline, such as v1.0")
	flags.StringVar(&o.parent, "out", "results", "write the runs and the baseline to `DIR`")
	flags.IntVar(&o.run.pid, "pid", 0, "measure the running process `PID`")
	flags.Float64Var(&o.rate, "rate", 2500, "requests a second of the latency, memory and CPU phases")
	flags.DurationVar(&o.length, "duration", 0, "length `D` of the throughput phase (default 60s; with --quick 8s)")
	flags.BoolVar(&o.quick, "quick", false, "shorter phases: all in under two minutes")
	flags.BoolVar(&o.resume, "resume", false, "go on with a suite that broke off: what is measured, and valid, is kept")
	o.run.lookingFlags(flags)
	o.run.heapFlags(flags)
	flags.BoolVar(&o.run.force, "force", false, "replace runs that are already there")
	limitFlag(flags, &o.run.memory.limits)
	flags.StringVar(&o.run.build, "build", "v1", "`BUILD` of the reference gateway, when it is the target")
	flags.BoolVar(&o.run.noNATS, "no-nats", false, "the reference gateway answers without NATS")
	flags.StringVar(&o.run.format, "format", "text", "what goes to standard output: text or json")
	flags.BoolVar(&o.run.quiet, "quiet", false, "no progress on standard error")
	flags.SortFlags = false
	return command
}

func (o *suiteOptions) check(pidSet bool) error {
	if err := o.run.hooking.check(); err != nil {
		return err
	}
	switch {
	case o.run.name == "":
		return errors.New("a suite needs a --name, such as v1.0: its files are called by it")
	case filepath.Base(o.run.name) != o.run.name || o.run.name == "." || o.run.name == "..":
		return fmt.Errorf("--name is %q, but must be a plain file name; --out takes a folder", o.run.name)
	case !(o.rate >= 1 && o.rate <= 1e6):
		return fmt.Errorf("--rate is %v, but must be between 1 and 1000000 requests a second", o.rate)
	case o.length != 0 && (o.length < time.Second || o.length > time.Hour):
		return fmt.Errorf("--duration is %v, but must be between 1s and 1h", o.length)
	case o.resume && o.run.force:
		return errors.New("--resume keeps what --force would replace; leave one out")
	}
	if o.length == 0 {
		o.length = 60 * time.Second
		if o.quick {
			o.length = 8 * time.Second
		}
	}
	// The phases are checked as runs are, before the first of them begins.
	for _, kind := range suiteKinds {
		if err := o.phase(kind, o.rate).check(pidSet); err != nil {
			return err
		}
	}
	return nil
}

// suite runs the phases that are not there yet and writes the baseline.
func suite(ctx context.Context, o *suiteOptions, stdout, stderr io.Writer) error {
	if err := checkPrivileges(); err != nil {
		return err
	}
	s := &results.Suite{SchemaVersion: results.SchemaVersion, Name: o.run.name, Command: o.run.args}
	done, err := o.finished(ctx, stderr)
	if err != nil {
		return err
	}
	o.run.sitting = time.Now().UTC().Format(time.RFC3339Nano)
	if first := done[results.SuiteThroughput]; first != nil {
		o.run.sitting = first.Result.Run.Sitting
	}
	for i, kind := range suiteKinds {
		p, there := done[kind]
		if !there {
			if !o.run.quiet {
				fmt.Fprintf(stderr, "[%d/%d] %s: %v\n", i+1, len(suiteKinds), kind, o.lengthOf(kind))
			}
			if p, err = o.measure(ctx, kind, s, stderr); err != nil {
				return fmt.Errorf("%s phase: %w", kind, err)
			}
		} else if !o.run.quiet {
			fmt.Fprintf(stderr, "[%d/%d] %s: kept from before\n", i+1, len(suiteKinds), kind)
		}
		s.Phases = append(s.Phases, *p)
		if o.run.format == "text" {
			if i > 0 {
				fmt.Fprintln(stdout)
			}
			if err := report.SuiteBlock(stdout, p, styleOf(stdout)); err != nil {
				return err
			}
		}
		if p.Result.Run.Partial {
			if !o.run.quiet {
				fmt.Fprintln(stderr, "The suite broke off; the same command with --resume goes on with it.")
			}
			return verdict(ctx, p.Result)
		}
	}
	return o.finish(ctx, s, stdout, stderr)
}

// measure runs one phase.
func (o *suiteOptions) measure(ctx context.Context, kind results.SuiteKind, s *results.Suite, stderr io.Writer) (*results.SuitePhase, error) {
	run := o.phase(kind, o.fixedRate(s))
	if err := run.check(run.pid != 0); err != nil {
		return nil, err
	}
	// What a suite that broke off left of this phase is made anew.
	run.force = run.force || o.resume
	result, err := perform(ctx, run, stderr)
	if err != nil {
		return nil, err
	}
	if len(s.Phases) > 0 {
		if other := otherTarget(s.Phases[0].Result.Target, result.Target); other != "" {
			return nil, fmt.Errorf("the phases before were of another server: %s; measure all anew with --force", other)
		}
	}
	return o.judged(&results.SuitePhase{Kind: kind, Folder: run.out, Result: result}), nil
}

// finish writes the baseline and prints the targets.
func (o *suiteOptions) finish(ctx context.Context, s *results.Suite, stdout, stderr io.Writer) error {
	uid, gid := callingUser()
	file := o.run.name + "_baseline.md"
	err := store.WriteFile(o.parent, file, store.Options{Force: true, UID: uid, GID: gid},
		func(w io.Writer) error { return report.Baseline(w, s) })
	if err != nil {
		return err
	}
	if o.run.format == "json" {
		if err := report.SuiteJSON(stdout, s); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(stdout)
		if err := report.SuiteText(stdout, s, styleOf(stdout)); err != nil {
			return err
		}
	}
	if !o.run.quiet {
		fmt.Fprintf(stderr, "\nThe baseline is %s\n", filepath.Join(o.parent, file))
		for i := range s.Phases {
			if !s.Phases[i].Result.Valid {
				fmt.Fprintf(stderr, "The %s phase is invalid; the same command with --resume measures what is, and keeps the rest.\n", s.Phases[i].Kind)
				break
			}
		}
	}
	return suiteVerdict(ctx, s)
}

// suiteVerdict is the exit code that all phases together deserve: an invalid one
// before a missed limit before an open one.
func suiteVerdict(ctx context.Context, s *results.Suite) error {
	var all []results.Limit
	for i := range s.Phases {
		if !s.Phases[i].Result.Valid {
			return verdict(ctx, s.Phases[i].Result)
		}
		all = slices.Concat(all, s.Phases[i].Result.Limits)
	}
	return limitsMet(&results.Result{Limits: all})
}
