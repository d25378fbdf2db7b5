// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// finished are the phases that --resume keeps: stored, whole, valid, of one sitting,
// and of the same load on the same server. What is not is measured again.
func (o *suiteOptions) finished(ctx context.Context, stderr io.Writer) (map[results.SuiteKind]*results.SuitePhase, error) {
	done := map[results.SuiteKind]*results.SuitePhase{}
	if !o.resume {
		return done, nil
	}
	for _, kind := range suiteKinds {
		if kind != results.SuiteThroughput && done[results.SuiteThroughput] == nil {
			break // the others' rate comes from it
		}
		out := o.phase(kind, o.rate).out
		if _, err := store.Open(out); err != nil {
			continue
		}
		result, _, files, err := readRun(out, stderr)
		if err != nil {
			return nil, err
		}
		files.Close()
		if !result.Valid || result.Run.Partial {
			continue
		}
		if first := done[results.SuiteThroughput]; first != nil && first.Result.Run.Sitting != result.Run.Sitting {
			continue // of a suite before it
		}
		other, err := o.differs(ctx, result)
		if err != nil {
			return nil, err
		}
		if other != "" {
			return nil, fmt.Errorf("the %s phase in %s was measured otherwise: %s; resume with the same flags, or measure anew with --force",
				kind, out, other)
		}
		done[kind] = o.judged(&results.SuitePhase{Kind: kind, Folder: out, Result: result})
	}
	return done, nil
}

// differs says in what a stored phase isn't the one that is asked for. Its error is
// of a target that isn't there.
func (o *suiteOptions) differs(ctx context.Context, have *results.Result) (string, error) {
	if other := askedOtherwise(have.Run.Command, o.run.args); other != "" || o.run.pid == 0 {
		return other, nil // who is started is seen once it runs
	}
	target, err := gateway.Inspect(ctx, o.run.pid)
	if err != nil {
		return "", err
	}
	return otherTarget(have.Target, results.Target{Executable: target.Executable, BuildID: target.BuildID}), nil
}

// asideFlags bear on what is done with a measurement, not on what is measured.
// Whether the server is the same one is seen on itself.
var asideFlags = []string{"name", "out", "resume", "force", "limit", "format", "quiet", "pid", "socket"}

// askedOtherwise says in what two command lines ask for different suites.
func askedOtherwise(before, now []string) string {
	had, hadCommand, err := suiteFlags(before)
	if err != nil {
		return fmt.Sprintf("of the command %q: %v", strings.Join(before, " "), err)
	}
	has, hasCommand, err := suiteFlags(now)
	if err != nil {
		return err.Error()
	}
	if had.Changed("pid") != has.Changed("pid") {
		return "one is of a process that runs (--pid), the other of one that is started"
	}
	other := ""
	has.VisitAll(func(f *pflag.Flag) {
		was := had.Lookup(f.Name).Value.String()
		if is := f.Value.String(); was != is && other == "" && !slices.Contains(asideFlags, f.Name) {
			other = fmt.Sprintf("--%s was %s and is now %s", f.Name, was, is)
		}
	})
	if other == "" && !slices.Equal(hadCommand, hasCommand) {
		other = fmt.Sprintf("the server's command was %q and is now %q", strings.Join(hadCommand, " "), strings.Join(hasCommand, " "))
	}
	return other
}

// suiteFlags takes the command line of a suite apart again: its flags, and the
// command that starts the server.
func suiteFlags(command []string) (*pflag.FlagSet, []string, error) {
	if len(command) < 2 || command[1] != "suite" {
		return nil, nil, fmt.Errorf("it is not that of a suite")
	}
	flags := newSuite(io.Discard, io.Discard).Flags()
	err := flags.Parse(command[2:])
	return flags, flags.Args(), err
}

// otherTarget says in what two phases' servers are not one program. Started anew it
// may be.
func otherTarget(before, now results.Target) string {
	switch {
	case before.Executable != now.Executable:
		return fmt.Sprintf("the server was %s and is now %s", gateway.Printable(before.Executable), gateway.Printable(now.Executable))
	case before.BuildID != now.BuildID:
		return fmt.Sprintf("the server was build %s of %s and is now %s", before.BuildID, gateway.Printable(before.Executable), now.BuildID)
	}
	return ""
}
