// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
)

// runOptions are the flags of `ipcprobe run`.
type runOptions struct {
	load    *load.Options
	pid     int
	command []string // the target to start; empty: --pid, or our own gateway
	out     string
	name    string
	force   bool
	slice   time.Duration
	budget  float64 // percent
	hz      int
	hooking hooking
	format  string
	quiet   bool
	build   string // of the reference gateway
	noNATS  bool
	noLoad  bool // watch the traffic that is there
	memory  memoryOptions
	family  bool     // follow the target's children
	tape    string   // memory for the records of a slice; empty: the loader's default
	args    []string // the whole command line, for the record

	heap      bool   // a heap phase behind the slices
	allocator string // whose, when it isn't to be found

	sitting      string        // of the suite that the run is a phase of
	heapRequests int64         // of the heap phase; 0: as many as a leak verdict takes
	heapLongest  time.Duration // that it may take for them; 0: the default

	durationSet bool
	sliceSet    bool
	brief       bool                   // a stretch of a comparison: the programs' own cost is not asked for
	onJoined    func([]results.Joined) // sees the joined requests of each slice; nil: nobody does
}

// Bounds of what can be asked for.
const (
	minSlice = 50 * time.Millisecond
	maxSlice = time.Minute
	maxHz    = 10_000
	minTape  = 4 << 10
	maxTape  = 4 << 30

	defaultTape = 64 << 20
)

func newRun(stdout, stderr io.Writer) *cobra.Command {
	o := &runOptions{}
	command := &cobra.Command{
		Use:   "run [--pid PID | -- COMMAND…]",
		Short: "Load a server, watch the same requests in the kernel, report",
		Long: `Loads the server, watches the same requests in the kernel, joins the two views
request by request, and says where the time goes. With --pid PID it measures a
running server, with -- COMMAND it starts one and ends it afterwards, with
neither it measures its own reference gateway.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			o.command = args
			o.args = os.Args
			o.durationSet, o.sliceSet = c.Flags().Changed("duration"), c.Flags().Changed("slice")
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return fmt.Errorf("unknown argument %q; a command to start stands behind --", args[0])
			}
			if c.Flags().Changed("record") {
				return errors.New("--record is for `ipcprobe load`: a run keeps only the requests of its probed slices, and those no longer than it takes to join them; " +
					"make the same load with `ipcprobe load --record FILE`, or leave it out")
			}
			for _, name := range []string{"socket", "out", "name"} {
				if c.Flags().Changed(name) && c.Flag(name).Value.String() == "" {
					return fmt.Errorf("--%s is empty; leave it out, or give it a value", name)
				}
			}
			if err := o.checkReference(c.Flags()); err != nil {
				return err
			}
			if o.noLoad {
				if err := checkNoLoad(c.Flags(), o); err != nil {
					return err
				}
			}
			if err := o.check(c.Flags().Changed("pid")); err != nil {
				return err
			}
			return run(c.Context(), o, stdout, stderr)
		},
	}
	flags := command.Flags()
	o.load = load.Flags(flags)
	flags.IntVar(&o.pid, "pid", 0, "measure the running process `PID`")
	flags.StringVar(&o.out, "out", "", "write the results to `DIR` (default results/NAME)")
	flags.StringVar(&o.name, "name", "", "`NAME` of the run (default: the time)")
	flags.BoolVar(&o.force, "force", false, "replace an existing run")
	flags.DurationVar(&o.slice, "slice", 0, "length `D` of a slice (default: a twentieth of the duration, 100ms to 1s)")
	o.lookingFlags(flags)
	flags.StringVar(&o.format, "format", "text", "what goes to standard output: text or json")
	flags.BoolVar(&o.noLoad, "no-load", false, "send nothing: see the traffic that is there")
	flags.BoolVar(&o.quiet, "quiet", false, "no progress on standard error")
	flags.StringVar(&o.build, "build", "v1", "`BUILD` of the reference gateway, when it is the target")
	flags.BoolVar(&o.heap, "heap", false, "follow every block of the allocator in a phase of its own, behind the slices")
	o.heapFlags(flags)
	flags.BoolVar(&o.noNATS, "no-nats", false, "the reference gateway answers without NATS")
	o.memory.flags(flags)
	// Who knows it from load is told why it isn't here.
	flags.String("record", "", "")
	_ = flags.MarkHidden("record") // it was defined on the line above
	flags.SortFlags = false
	return command
}

// lookingFlags are those of how a server is looked at.
func (o *runOptions) lookingFlags(flags *pflag.FlagSet) {
	flags.Float64Var(&o.budget, "budget", 3, "cost of the probes that the run may bear, in `PCT` of the target's throughput\nor CPU; 100 probes the whole run")
	flags.IntVar(&o.hz, "profile-hz", 199, "CPU samples a second; 0 takes none")
	o.hooking.flags(flags)
	flags.BoolVar(&o.family, "children", false, "follow the processes that the target has forked or forks as well")
	flags.StringVar(&o.tape, "tape", "64MiB", "memory for the records of a probed slice, `SIZE`; a slice that fills it ends early")
}

// heapFlags are those of the heap phase.
func (o *runOptions) heapFlags(flags *pflag.FlagSet) {
	flags.Int64Var(&o.heapRequests, "heap-requests", 0, "requests of the heap phase, `N`, however long they take (default: those of\n--requests, else 30000 in at most 75s)")
	flags.StringVar(&o.allocator, "allocator", "", "in the heap phase: the allocator's `OBJECT` (libjemalloc.so.2) or the SYMBOL that\nstands for malloc (je_malloc), where it isn't found")
}

// checkReference refuses flags of the reference gateway for another target.
func (o *runOptions) checkReference(flags *pflag.FlagSet) error {
	for _, name := range []string{"build", "no-nats"} {
		if flags.Changed(name) && (o.pid != 0 || len(o.command) > 0) {
			return fmt.Errorf("--%s is for the reference gateway; leave it out when the target is another", name)
		}
	}
	return nil
}

// check says what is wrong with the flags, and fills in what follows from
// others.
func (o *runOptions) check(pidSet bool) error {
	switch {
	case pidSet && len(o.command) > 0:
		return errors.New("--pid and a command to start exclude each other; leave one out")
	case pidSet && o.pid <= 0:
		return fmt.Errorf("--pid is %d, but a process id is above 0", o.pid)
	case o.slice != 0 && (o.slice < minSlice || o.slice > maxSlice):
		return fmt.Errorf("--slice is %v, but must be between %v and %v", o.slice, minSlice, maxSlice)
	case !(o.budget > 0 && o.budget <= 100):
		return fmt.Errorf("--budget is %v, but must be above 0 and at most 100 percent", o.budget)
	case o.tapeBytes() < minTape || o.tapeBytes() > maxTape:
		return fmt.Errorf("--tape is %q, but must be a size between 4KiB and 4GiB", o.tape)
	case o.hz < 0 || o.hz > maxHz:
		return fmt.Errorf("--profile-hz is %d, but must be between 0 and %d", o.hz, maxHz)
	case o.heap && o.noLoad:
		return errors.New("--heap makes a load of its own, to stay inside the budget; leave out --no-load")
	case o.allocator != "" && !o.heap:
		return errors.New("--allocator is for the heap phase; add --heap, or leave it out")
	case o.heapRequests < 0:
		return fmt.Errorf("--heap-requests is %d, but can't be negative", o.heapRequests)
	case o.heapRequests > 0 && !o.heap:
		return errors.New("--heap-requests is for the heap phase; add --heap, or leave it out")
	case o.name != "" && filepath.Base(o.name) != o.name || o.name == "." || o.name == "..":
		return fmt.Errorf("--name is %q, but must be a plain file name; --out takes a path", o.name)
	}
	if err := o.hooking.check(); err != nil {
		return err
	}
	if err := o.memory.valgrind.check(o); err != nil {
		return err
	}
	if err := o.load.Check(); err != nil {
		return err
	}
	if _, err := o.load.PayloadSize(); err != nil {
		return err
	}
	if err := checkFormat(o.format); err != nil {
		return err
	}
	boundDuration(o.load, o.durationSet)
	if o.slice == 0 {
		o.slice = sliceOf(o.load.Duration, 100*time.Millisecond)
	}
	now := time.Now()
	if o.name == "" {
		o.name = now.Format("20060102-150405.000")
	}
	if o.out == "" {
		o.out = filepath.Join("results", o.name)
	}
	return nil
}

// tapeBytes is the memory for the records of a slice; 0 when it can't be read.
func (o *runOptions) tapeBytes() int {
	if o.tape == "" {
		return defaultTape
	}
	bytes, err := load.ParseSize(o.tape)
	if err != nil {
		return 0
	}
	return bytes
}

// sliceOf is the length of the slices of a run: a twentieth of it, within bounds.
func sliceOf(run, least time.Duration) time.Duration {
	return min(max(run/20, least), time.Second)
}

func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("--format is %q, but must be text or json", format)
	}
	return nil
}

// boundDuration lets --requests decide how long a load lasts. The bound that is
// left is for a server that answers ever more slowly.
func boundDuration(o *load.Options, durationSet bool) {
	if o.Requests > 0 && !durationSet {
		o.Duration = time.Hour
	}
}

// closedLoop says whether the load waits for its answers.
func (o *runOptions) closedLoop() bool {
	rate, err := load.ParseRate(o.load.Rate)
	return err == nil && rate.Closed()
}

// run measures and reports. Its error is what kept it from either.
func run(ctx context.Context, o *runOptions, stdout, stderr io.Writer) error {
	if err := checkPrivileges(); err != nil {
		return err
	}
	result, err := perform(ctx, o, stderr)
	if result == nil {
		return err
	}
	// What was measured is shown also where it couldn't be stored.
	if shown := show(stdout, stderr, o, result, err == nil); shown != nil || err != nil {
		return errors.Join(shown, err)
	}
	return verdict(ctx, result)
}

// perform measures and stores. Without a result there is nothing to report; with
// one, the error says why it couldn't be stored.
func perform(ctx context.Context, o *runOptions, stderr io.Writer) (result *results.Result, err error) {
	folder, err := createFolder(o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = folder.Abort() // the first error is the one to tell
		}
	}()
	defer o.memory.valgrind.close()
	m, err := measure(ctx, o, stderr)
	if err != nil {
		return nil, err
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(reportMost))
	result = assemble(m)
	return result, write(folder, result, m)
}

// reportMost is how much memory, bytes, may be in use before garbage is collected at
// once while a report is made. A long run's has a lot of it, and time.
const reportMost = 160 << 20

// verdict is the exit code that a result deserves.
func verdict(ctx context.Context, result *results.Result) error {
	var cut interrupted
	switch {
	case errors.As(context.Cause(ctx), &cut):
		return exit(signalBase + int(cut.signal))
	case !result.Valid:
		return exit(exitInvalid)
	}
	return limitsMet(result)
}
