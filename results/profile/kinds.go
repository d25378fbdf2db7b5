// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"fmt"
	"math/big"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// Run is what the three profiles of a run have in common.
type Run struct {
	Samples  *Collector
	Stacks   []results.Stack  // all distinct ones, in the order of Sample.Stack
	Program  *results.Mapping // the target's executable; nil: not known
	Kinds    []string         // names of the kinds of a mix; nil: there is one
	Start    time.Time        // wall clock at the first slice
	Duration time.Duration    // time in which samples were taken
}

func (r *Run) profile(kind results.SampleKind, values func(*Sums) []int64) Profile {
	p := Profile{
		Start: r.Start, Duration: r.Duration, Stacks: r.Stacks, Program: r.Program,
		Samples: r.Samples.samples(kind, r.Kinds, values),
	}
	if row := r.Samples.row; row > 1 {
		p.Comments = append(p.Comments, fmt.Sprintf(
			"slices are counted together, %d in a row: the label slice is the first of them", row))
	}
	return p
}

// CPU is the profile of CPU time. The clock of the CPUs says where the time goes,
// period by period; how much there is, the scheduler knows exactly: spent (ns)
// is the target's CPU time in the slices that were sampled, and the samples
// share it evenly. With spent 0 each stands for a period.
func (r *Run) CPU(period time.Duration, spent int64) Profile {
	total, _ := r.Samples.Count(results.OnCPU)
	split := shares(spent, total)
	if spent == 0 {
		split = func(n int64) int64 { return n * period.Nanoseconds() }
	}
	p := r.profile(results.OnCPU, func(s *Sums) []int64 { return []int64{s.Samples, split(s.Samples)} })
	p.Types = []Type{{"samples", "count"}, {"cpu", "nanoseconds"}}
	p.Default, p.Of, p.Period = "cpu", Type{"cpu", "nanoseconds"}, period.Nanoseconds()
	if spent > 0 {
		p.Comments = append(p.Comments, fmt.Sprintf(
			"%d samples, one every %v of CPU time; cpu is the target's CPU time of the sampled slices by the scheduler's clock, %v, shared evenly among them",
			total, period, time.Duration(spent)))
	}
	return p
}

// shares divides a whole among n: each call takes its part of what is left of
// it, so that nothing is lost in rounding.
func shares(whole, n int64) func(part int64) int64 {
	var done, given int64
	return func(part int64) int64 {
		if n == 0 {
			return 0
		}
		done += part
		upTo := new(big.Int).Mul(big.NewInt(whole), big.NewInt(done))
		value := upTo.Div(upTo, big.NewInt(n)).Int64() - given
		given += value
		return value
	}
}

// OffCPU is the profile of the time that threads spent off their CPU: delay is
// time that somebody may have waited for, blocked and on the run queue; idle is
// time in which the thread waited for clients to send. Of a busy server only
// some of the stays are followed, each standing for several; the rest is
// arithmetic.
func (r *Run) OffCPU() Profile {
	taken, stood := r.Samples.Count(results.OffCPU)
	p := r.profile(results.OffCPU, func(s *Sums) []int64 {
		return []int64{s.Weight, s.Blocked + s.RunQueue, s.Blocked, s.RunQueue, s.Idle}
	})
	p.Types = []Type{{"stays", "count"}, {"delay", "nanoseconds"}, {"blocked", "nanoseconds"},
		{"run_queue", "nanoseconds"}, {"idle", "nanoseconds"}}
	p.Default = "delay"
	p.Of, p.Period = Type{"stays", "count"}, every(taken, stood)
	p.Comments = append(p.Comments, drawnOf(taken, stood, "stays off the CPU"))
	return p
}

// Calls is the profile of system calls by the path that issues them.
func (r *Run) Calls() Profile {
	taken, stood := r.Samples.Count(results.CallEntry)
	p := r.profile(results.CallEntry, func(s *Sums) []int64 { return []int64{s.Weight} })
	p.Types = []Type{{"calls", "count"}}
	p.Default = "calls"
	p.Of, p.Period = Type{"calls", "count"}, every(taken, stood)
	p.Comments = append(p.Comments, drawnOf(taken, stood, "system calls"))
	return p
}

// every is the mean distance of the stacks that were taken.
func every(taken, stood int64) int64 {
	if taken == 0 {
		return 1
	}
	return max(1, (stood+taken/2)/taken)
}

func drawnOf(taken, stood int64, what string) string {
	if taken == stood {
		return fmt.Sprintf("a stack was taken of all of %d %s in the slices that have them", taken, what)
	}
	return fmt.Sprintf("%d stacks, drawn at random in the slices that have them, stand for about %d %s; the period is the mean number that each stands for",
		taken, stood, what)
}
