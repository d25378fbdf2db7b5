// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
)

// watchOptions are the flags of `ipcprobe watch`.
type watchOptions struct {
	pid      int
	duration time.Duration // 0: until it is stopped
	interval time.Duration
	budget   float64
	format   string
	family   bool
	hooking  hooking
}

// Bounds of an interval: below, attaching would be most of what is done.
const (
	minInterval = 200 * time.Millisecond
	maxInterval = time.Minute
)

func newWatch(stdout, stderr io.Writer) *cobra.Command {
	o := &watchOptions{}
	command := &cobra.Command{
		Use:   "watch --pid PID",
		Short: "See the traffic that a server has, live, without any load of ours",
		Long: `Watches the connections that a running server accepts on its Unix sockets, and
shows once a second what the kernel sees of them: rate, queue wait and service
time, CPU, system calls, what waits, what was lost. At a terminal it draws a
screen, elsewhere it writes a line an interval. It sends nothing.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(c.Flags().Changed("pid")); err != nil {
				return err
			}
			if err := checkPrivileges(); err != nil {
				return err
			}
			return watch(c.Context(), o, stdout, stderr)
		},
	}
	flags := command.Flags()
	flags.IntVar(&o.pid, "pid", 0, "watch the running process `PID`")
	flags.DurationVar(&o.duration, "duration", 0, "end after `D` (default: when it is told to)")
	flags.DurationVar(&o.interval, "interval", time.Second, "a new picture every `D`")
	flags.Float64Var(&o.budget, "budget", 3, "cost of the probes that the target may bear, in `PCT` of one core;\n100 keeps them on all the time")
	flags.StringVar(&o.format, "format", "text", "text, or json: one object a line")
	o.hooking.flags(flags)
	flags.BoolVar(&o.family, "children", false, "follow the processes that the target has forked or forks as well")
	flags.SortFlags = false
	return command
}

func (o *watchOptions) check(pidSet bool) error {
	if err := o.hooking.check(); err != nil {
		return err
	}
	switch {
	case !pidSet:
		return errors.New("watch needs --pid PID: the server to watch")
	case o.pid <= 0:
		return fmt.Errorf("--pid is %d, but a process id is above 0", o.pid)
	case o.duration < 0:
		return fmt.Errorf("--duration is %v, but can't be below 0", o.duration)
	case o.interval < minInterval || o.interval > maxInterval:
		return fmt.Errorf("--interval is %v, but must be between %v and %v", o.interval, minInterval, maxInterval)
	case !(o.budget > 0 && o.budget <= 100):
		return fmt.Errorf("--budget is %v, but must be above 0 and at most 100 percent", o.budget)
	}
	return checkFormat(o.format)
}

// watch looks interval after interval until it is told to end. That is no failure:
// the error is what kept it from looking.
func watch(ctx context.Context, o *watchOptions, stdout, stderr io.Writer) (err error) {
	s, err := observedServer(ctx, o.pid)
	if err != nil {
		return err
	}
	memory, err := gateway.StartSampler(s.target, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	watcher, err := gateway.Watch(ctx, s.target)
	if err != nil {
		return err
	}
	defer watcher.Close()
	vigil := gateway.StartVigil(s.target)
	defer vigil.Close()
	of := observing{server: s, watcher: watcher, hooking: &o.hooking}
	var warnings []string
	of.warn = func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if o.family {
		of.children = func() ([]int, error) { return s.target.Children(ctx) }
	}
	observer, err := openObserver(ctx, of)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, observer.close()) }()
	for _, warning := range warnings {
		fmt.Fprintf(stderr, "ipcprobe: %s\n", warning)
	}
	sink, ctx, err := openSink(ctx, o, s, stdout)
	if err != nil {
		return err
	}
	err = newLooker(observer, memory, o).run(ctx, sink.show)
	told := ctx.Err() != nil
	// The screen must be gone before anything is said.
	closed := sink.close()
	vigil.Close()
	for _, happened := range vigil.Disturbances() {
		fmt.Fprintf(stderr, "ipcprobe: %s\n", happened)
	}
	return errors.Join(closed, watchEnd(told, watcher, err, stderr))
}

// watchEnd tells the ends that are none of ours from failures.
func watchEnd(told bool, watcher *gateway.Watcher, err error, stderr io.Writer) error {
	switch {
	case told, err == nil:
		return nil // it was told to end, or its time is up
	case errors.Is(err, errEnded):
		fmt.Fprintf(stderr, "ipcprobe: the target %s\n", watcher.Ending())
		return nil
	}
	return err
}

// sink is where looks go.
type sink struct {
	show  func(*results.Look) error
	close func() error
}

// openSink chooses between a screen, lines and JSON. The context that comes back
// ends also when the user presses the key that quits.
func openSink(ctx context.Context, o *watchOptions, s *server, stdout io.Writer) (*sink, context.Context, error) {
	nothing := func() error { return nil }
	switch {
	case o.format == "json":
		return &sink{func(l *results.Look) error { return report.LookJSON(stdout, l) }, nothing}, ctx, nil
	case isTerminal(stdout):
		screen, ctx, err := openScreen(ctx, stdout)
		if err != nil {
			return nil, ctx, err
		}
		view := &view{
			screen: screen, budget: o.budget,
			target: results.Target{PID: s.target.PID, Executable: s.target.Executable, Socket: s.socket.Name},
		}
		return &sink{view.show, screen.close}, ctx, nil
	}
	lines := 0
	return &sink{func(l *results.Look) error {
		head := ""
		if lines%20 == 0 {
			head = report.WatchHead() + "\n"
		}
		lines++
		_, err := fmt.Fprintf(stdout, "%s%s\n", head, report.WatchLine(l, report.Style{Unicode: unicodeLocale()}))
		return err
	}, nothing}, ctx, nil
}

// view keeps what a screen shows from one look to the next.
type view struct {
	screen *screen
	target results.Target
	budget float64
	legs   *results.Legs
	calls  []results.Syscall
	span   time.Duration // that calls are of
	taken  int64         // when the latest of legs and calls was, ns since the watch began
}

func (v *view) show(l *results.Look) error {
	if l.Legs != nil {
		v.legs, v.taken = l.Legs, l.ElapsedNs
	}
	if len(l.Syscalls) > 0 {
		v.calls, v.span, v.taken = l.Syscalls, time.Duration(l.ProbedNs), l.ElapsedNs
	}
	w := report.Watched{
		Target: v.target, Look: l, Legs: v.legs, Calls: v.calls, Span: v.span, Age: time.Duration(l.ElapsedNs - v.taken),
		Budget: v.budget, Keys: v.screen.keys,
	}
	if len(l.Warnings) > 0 {
		w.Warning = l.Warnings[0]
	}
	return v.screen.draw(func(rows int, style report.Style) []string {
		w.Rows = rows
		return report.Screen(w, style)
	})
}
