// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/limit"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// finished are the phases that --resume keeps: stored, whole, and of the same load
// on the same server.
func (o *suiteOptions) finished(ctx context.Context, stderr io.Writer) (map[results.SuiteKind]*results.SuitePhase, error) {
	done := map[results.SuiteKind]*results.SuitePhase{}
	if !o.resume {
		return done, nil
	}
	s := &results.Suite{}
	for _, kind := range suiteKinds {
		want := o.phase(kind, o.fixedRate(s))
		if _, err := store.Open(want.out); err != nil {
			break // and what comes behind is of another sitting
		}
		result, _, files, err := readRun(want.out, stderr)
		if err != nil {
			return nil, err
		}
		files.Close()
		if result.Run.Partial {
			break
		}
		other, err := o.differs(ctx, want, result)
		if err != nil {
			return nil, err
		}
		if other != "" {
			return nil, fmt.Errorf("the %s phase in %s was measured otherwise: %s; resume with the same flags, or measure anew with --force",
				kind, want.out, other)
		}
		result.Limits = limit.Judge(o.rulesOf(kind), result)
		phase := &results.SuitePhase{Kind: kind, Folder: want.out, Result: result}
		done[kind] = phase
		s.Phases = append(s.Phases, *phase)
	}
	return done, nil
}

// differs says in what a stored run isn't the one that is asked for. Its error is
// of a target that isn't there.
func (o *suiteOptions) differs(ctx context.Context, want *runOptions, have *results.Result) (string, error) {
	if have.Load == nil {
		return "it has no load", nil
	}
	rate := "max"
	if have.Load.OfferedRPS != nil {
		rate = rateText(math.Round(*have.Load.OfferedRPS*1e3) / 1e3) // it was averaged
	}
	payload, err := want.load.PayloadSize()
	if err != nil {
		return "", err
	}
	arrivals := want.load.Arrivals
	if have.Load.OfferedRPS == nil {
		arrivals = have.Load.Arrivals // a closed loop has none
	}
	kinds, err := want.load.Kinds()
	if err != nil {
		return "", err
	}
	for _, row := range []struct{ what, want, have string }{
		{"--connections", fmt.Sprint(want.load.Connections), fmt.Sprint(have.Load.Connections)},
		{"--pipeline", fmt.Sprint(max(1, want.load.Pipeline)), fmt.Sprint(have.Load.Pipeline)},
		{"--rate", want.load.Rate, rate},
		{"--arrivals", arrivals, have.Load.Arrivals},
		{"--payload", fmt.Sprint(payload), fmt.Sprint(have.Load.PayloadBytes)},
		{"the number of kinds of --mix", fmt.Sprint(len(kinds)), fmt.Sprint(len(have.Load.Kinds))},
		{"--protocol", want.load.Protocol, have.Target.Protocol},
		{"--seed", fmt.Sprint(want.load.Seed), fmt.Sprint(have.Run.Seed)},
		{"--warmup", want.load.Warmup.String(), time.Duration(have.Run.WarmupNs).String()},
	} {
		if row.want != row.have {
			return fmt.Sprintf("%s was %s and is now %s", row.what, row.have, row.want), nil
		}
	}
	if want.pid == 0 {
		return "", nil // who is started is seen once it runs
	}
	target, err := gateway.Inspect(ctx, want.pid)
	if err != nil {
		return "", err
	}
	return otherTarget(have.Target, results.Target{Executable: target.Executable, BuildID: target.BuildID}), nil
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
