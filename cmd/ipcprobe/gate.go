// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/compare"
	"github.com/ipcprobe/ipcprobe/results/report"
)

// The self-test: a server that does a known amount of work a request, against itself,
// and against itself made slower.
const (
	selfBusy  = 150 * time.Microsecond // that the work takes where nobody disturbs it
	selfSlow  = 20                     // percent by which B is made slower
	selfRate  = "1000"
	selfSlice = 400 * time.Millisecond
)

func newGate(stdout, stderr io.Writer) *cobra.Command {
	test, quiet := false, false
	serve, rounds := "", 0
	seed := uint64(1)
	command := &cobra.Command{
		Use:   "gate --self-test",
		Short: "Prove on this machine that compare sees a regression, and none where there is none",
		Long: fmt.Sprintf(`Compares a server of ipcprobe's own, which is busy for %v a request, with itself
made %d %% slower: that has to be a regression. And with itself as it is: that must
not be one. Exit codes: 0 both came out right, 1 the gate can't be trusted here, 3 the
machine is too noisy to tell.`, selfBusy, selfSlow),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if serve != "" {
				return serveBusy(c.Context(), serve, rounds)
			}
			if !test {
				return errors.New("say --self-test; to gate two builds, see `ipcprobe compare --help`")
			}
			return selfTest(c.Context(), seed, quiet, stdout, stderr)
		},
	}
	flags := command.Flags()
	flags.BoolVar(&test, "self-test", false, "run the test, about a minute")
	flags.BoolVar(&quiet, "quiet", false, "no progress on standard error")
	flags.Uint64Var(&seed, "seed", seed, "seed `N` of the coin and the arrivals")
	flags.StringVar(&serve, "serve", "", "be the server of the test, listening on `PATH`")
	flags.IntVar(&rounds, "rounds", 0, "work for `N` rounds a request")
	for _, name := range []string{"serve", "rounds"} {
		_ = flags.MarkHidden(name) // they were defined above
	}
	return command
}

// selfTest runs both comparisons and judges the judge.
func selfTest(ctx context.Context, seed uint64, quiet bool, stdout, stderr io.Writer) error {
	rounds := roundsIn(selfBusy)
	slow, err := selfCompare(ctx, rounds, rounds*(100+selfSlow)/100, seed, quiet, stderr)
	if err != nil {
		return err
	}
	same, err := selfCompare(ctx, rounds, rounds, seed+1, quiet, stderr)
	if err != nil {
		return err
	}
	style := styleOf(stdout)
	for _, c := range []*results.Comparison{slow, same} {
		if err := report.ComparisonText(stdout, c, style); err != nil {
			return err
		}
		fmt.Fprintln(stdout)
	}
	word, code := judgeGate(slow, same)
	fmt.Fprintf(stdout, "Self-test: %s\n", word)
	if code == exitDone {
		return nil
	}
	return exit(code)
}

// judgeGate says what the two comparisons prove.
func judgeGate(slow, same *results.Comparison) (word string, code int) {
	for _, c := range []*results.Comparison{slow, same} {
		if !c.Valid {
			return "not decided: a comparison was invalid: " + strings.Join(c.InvalidReasons, "; "), exitUnsure
		}
	}
	switch {
	case same.Verdict == results.Regression:
		return "FAILED: a server against itself was called a regression", exitMissed
	case slow.Verdict == results.Pass || slow.Verdict == results.Improved:
		return fmt.Sprintf("FAILED: a server made %d %% slower was called %s", selfSlow, slow.Verdict), exitMissed
	case slow.Verdict != results.Regression:
		return fmt.Sprintf("not decided: the machine is too noisy to tell a server from one made %d %% slower (%s)", selfSlow, slow.Reason), exitUnsure
	}
	return fmt.Sprintf("passed: %d %% more was called a regression, and the server against itself was not (%s)", selfSlow, same.Verdict), exitDone
}

// selfCompare compares two of the test's servers, by their work a request.
func selfCompare(ctx context.Context, a, b int, seed uint64, quiet bool, stderr io.Writer) (*results.Comparison, error) {
	l := load.Defaults()
	l.Rate, l.Connections, l.Seed = selfRate, 1, seed
	o := &compareOptions{
		load: &l, preset: "quick", plan: compare.Presets[0], quiet: quiet, rateSet: true, args: os.Args,
		name: "self-test", gates: []string{compare.P50, compare.CPUPerRequest},
	}
	o.plan.Slice, o.plan.Warmup = selfSlice, selfSlice/6
	l.Duration, l.Warmup = o.plan.Slice, o.plan.Warmup
	for i, rounds := range []int{a, b} {
		o.words[i] = []string{"/proc/self/exe", "gate", "--serve", socketWord, "--rounds", strconv.Itoa(rounds)}
	}
	d, err := newDuel(ctx, o, stderr)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(d.folder)
	if err := d.run(); err != nil {
		return nil, err
	}
	return d.comparison(), nil
}
