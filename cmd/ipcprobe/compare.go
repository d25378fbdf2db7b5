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
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/compare"
	"github.com/ipcprobe/ipcprobe/results/limit"
)

// compareOptions are the flags of `ipcprobe compare`.
type compareOptions struct {
	load     *load.Options
	commands [2]string // of A and B
	sockets  [2]string // where they listen, if not told
	preset   string
	quads    int
	nulls    int
	probed   int // quads that are probed too; -1: as many as there are, where we may
	slice    time.Duration
	margin   float64
	gates    []string
	limits   limit.Flag
	name     string
	out      string
	force    bool
	format   string
	quiet    bool
	args     []string

	// Whether these flags were given.
	rateSet, marginSet bool
	words              [2][]string // the commands, split
	plan               compare.Preset
}

func newCompare(stdout, stderr io.Writer) *cobra.Command {
	o := &compareOptions{}
	command := &cobra.Command{
		Use:   "compare [A B | --a COMMAND --b COMMAND]",
		Short: "Say whether one build is slower or faster than another, and how sure that is",
		Long: `Compares two stored runs, given as their folders, which takes no privilege; or two
servers, both alive, each started by its command and loaded in turn, in quads of
slices. {socket} in a command is replaced by the path at which that build is to
listen, a new one for each start:

  ipcprobe compare --a './old --socket {socket}' --b './new --socket {socket}'

A command without it is asked where it listens by looking; --socket-a and
--socket-b say so. Exit codes: 0 pass or improved, 1 regression, 2 usage, 3
inconclusive, 4 invalid measurement.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			o.args = os.Args
			live := o.commands[0] != "" || o.commands[1] != ""
			if err := o.check(c.Flags(), args, live); err != nil {
				return err
			}
			if live {
				return compareLive(c.Context(), o, stdout, stderr)
			}
			return compareStored(c.Context(), o, args[0], args[1], stdout, stderr)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.commands[0], "a", "", "`COMMAND` that starts build A")
	flags.StringVar(&o.commands[1], "b", "", "`COMMAND` that starts build B")
	flags.StringVar(&o.sockets[0], "socket-a", "", "`PATH` where A listens, if that can't be seen")
	flags.StringVar(&o.sockets[1], "socket-b", "", "`PATH` where B listens, likewise")
	flags.StringVar(&o.preset, "preset", "ci", "length of the comparison: quick, ci or release")
	flags.IntVar(&o.quads, "quads", 0, "`N` quads of A against B (default: the preset's)")
	flags.IntVar(&o.nulls, "null-quads", 0, "`N` quads of A against itself (default: the preset's)")
	flags.IntVar(&o.probed, "probed", -1, "`N` quads in which both are probed too, for the explanation\n(default: all, where this process may probe)")
	flags.DurationVar(&o.slice, "slice", 0, "length `D` of each of a quad's four slices (default: the preset's);\nits warm-up is then a fifth of it")
	flags.Float64Var(&o.margin, "margin", 0, fmt.Sprintf("`PCT` by which times and throughput may be worse and pass\n(default: %d in quads, %d for stored runs)", compare.QuadMargin, compare.RunMargin))
	flags.StringArrayVar(&o.gates, "gate", nil, "let only `METRIC[=PCT]` decide, with its margin; may be given again. Metrics:\n"+strings.Join(compare.Known(), ", "))
	limitFlag(flags, &o.limits)
	flags.StringVar(&o.name, "name", "", "`NAME` of the comparison (default: that of run B, or the time)")
	flags.StringVar(&o.out, "out", "", "write the comparison to `DIR` (default results/NAME_comparison)")
	flags.BoolVar(&o.force, "force", false, "compare runs that differ in more than the build; replace an existing comparison")
	flags.StringVar(&o.format, "format", "text", "what goes to standard output: text or json")
	flags.BoolVar(&o.quiet, "quiet", false, "no progress on standard error")
	o.load = load.Flags(flags)
	for _, name := range notLive {
		flags.Lookup(name).Hidden = true
	}
	rate, warmup := flags.Lookup("rate"), flags.Lookup("warmup")
	rate.Usage, rate.DefValue = "`R` requests a second, or max (default: 60 % of what the slower build can)", ""
	warmup.Usage, warmup.DefValue = "length `D` of the load before each slice that isn't counted (default: the preset's)", ""
	flags.SortFlags = false
	return command
}

// onlyLive are the flags of our own that mean nothing for stored runs.
var onlyLive = []string{"socket-a", "socket-b", "preset", "quads", "null-quads", "probed", "slice"}

// notLive are load flags that quads decide themselves.
var notLive = []string{"socket", "duration", "requests", "batch"}

// check says what is wrong with the flags, and fills in what follows from others.
func (o *compareOptions) check(flags *pflag.FlagSet, args []string, live bool) error {
	if err := checkFormat(o.format); err != nil {
		return err
	}
	o.rateSet, o.marginSet = flags.Changed("rate"), flags.Changed("margin")
	switch {
	case o.marginSet && !(o.margin >= 0 && o.margin <= 1000):
		return fmt.Errorf("--margin is %v, but must be between 0 and 1000 percent", o.margin)
	case o.name != "" && (filepath.Base(o.name) != o.name || o.name == "." || o.name == ".."):
		return fmt.Errorf("--name is %q, but must be a plain file name; --out takes a path", o.name)
	}
	if _, err := o.gateList(0); err != nil {
		return err
	}
	if live {
		return o.checkLive(flags, args)
	}
	if len(args) != 2 {
		return errors.New("give the folders of two stored runs, or --a COMMAND and --b COMMAND; see `ipcprobe compare --help`")
	}
	var wrong error
	loads := pflag.NewFlagSet("", pflag.ContinueOnError)
	load.Flags(loads)
	flags.Visit(func(f *pflag.Flag) {
		if slices.Contains(onlyLive, f.Name) || loads.Lookup(f.Name) != nil {
			wrong = fmt.Errorf("--%s means nothing for stored runs; it goes with --a and --b", f.Name)
		}
	})
	return wrong
}

func (o *compareOptions) checkLive(flags *pflag.FlagSet, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("argument %q: stored runs are not compared with commands; give both runs, or both --a and --b", args[0])
	}
	for _, name := range notLive {
		if flags.Changed(name) {
			return fmt.Errorf("--%s means nothing here: --socket-a, --socket-b, --slice and --quads decide, and requests are sent one by one", name)
		}
	}
	for i, name := range []string{"--a", "--b"} {
		words, err := splitWords(o.commands[i])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(words) == 0 {
			return fmt.Errorf("%s is missing: both builds are started, by --a COMMAND and --b COMMAND", name)
		}
		o.words[i] = words
	}
	at := slices.IndexFunc(compare.Presets, func(p compare.Preset) bool { return p.Name == o.preset })
	if at < 0 {
		return fmt.Errorf("--preset is %q, but must be quick, ci or release", o.preset)
	}
	o.plan = compare.Presets[at]
	for _, set := range []struct {
		name string
		from int
		to   *int
		most int
	}{{"quads", o.quads, &o.plan.Quads, 10_000}, {"null-quads", o.nulls, &o.plan.Null, 1000}} {
		if !flags.Changed(set.name) {
			continue
		}
		least := 1
		if set.name == "null-quads" {
			least = 0
		}
		if set.from < least || set.from > set.most {
			return fmt.Errorf("--%s is %d, but must be between %d and %d", set.name, set.from, least, set.most)
		}
		*set.to = set.from
	}
	if flags.Changed("probed") && (o.probed < 0 || o.probed > o.plan.Quads) {
		return fmt.Errorf("--probed is %d, but must be between 0 and the number of quads, %d", o.probed, o.plan.Quads)
	}
	if flags.Changed("slice") {
		if o.slice < minSlice || o.slice > maxSlice {
			return fmt.Errorf("--slice is %v, but must be between %v and %v", o.slice, minSlice, maxSlice)
		}
		o.plan.Slice, o.plan.Warmup = o.slice, max(o.slice/5, 50*time.Millisecond)
	}
	if flags.Changed("warmup") {
		o.plan.Warmup = o.load.Warmup
	}
	o.load.Duration, o.load.Warmup = o.plan.Slice, o.plan.Warmup
	if err := o.load.Check(); err != nil {
		return err
	}
	if rate, err := load.ParseRate(o.load.Rate); err == nil && !rate.Closed() && !rate.Flat() {
		return fmt.Errorf("--rate is %s, but quads need one rate, or max", o.load.Rate)
	}
	_, err := o.load.PayloadSize()
	return err
}

// gateList is what decides: the --gate flags, or the default with the margin given,
// else with its own default.
func (o *compareOptions) gateList(margin float64) ([]compare.Gate, error) {
	if o.marginSet {
		margin = o.margin
	}
	if len(o.gates) == 0 {
		return compare.Gates(margin), nil
	}
	var list []compare.Gate
	for _, text := range o.gates {
		name, value, set := strings.Cut(text, "=")
		g := compare.Gate{Metric: strings.TrimSpace(name), MarginPct: margin}
		if !slices.Contains(compare.Known(), g.Metric) && !strings.HasPrefix(g.Metric, compare.CallsPrefix) {
			return nil, fmt.Errorf("--gate %s: the metric is not known; there are %s, and %sNAME of a system call",
				text, strings.Join(compare.Known(), ", "), compare.CallsPrefix)
		}
		if set {
			pct, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), "%"), 64)
			if err != nil || !(pct >= 0 && pct <= 1000) {
				return nil, fmt.Errorf("--gate %s: the margin must be a percentage between 0 and 1000", text)
			}
			g.MarginPct = pct
		}
		if slices.ContainsFunc(list, func(other compare.Gate) bool { return other.Metric == g.Metric }) {
			return nil, fmt.Errorf("--gate %s: the metric is gated twice", text)
		}
		list = append(list, g)
	}
	return list, nil
}

// compared is the exit code that a comparison deserves.
func compared(ctx context.Context, c *results.Comparison) error {
	var cut interrupted
	switch {
	case errors.As(context.Cause(ctx), &cut):
		return exit(signalBase + int(cut.signal))
	case !c.Valid:
		return exit(exitInvalid)
	case c.Verdict == results.Regression || limit.Sum(c.Limits) == limit.Missed:
		return exit(exitMissed)
	case c.Verdict == results.Inconclusive || limit.Sum(c.Limits) == limit.Inconclusive:
		return exit(exitUnsure)
	}
	return nil
}
