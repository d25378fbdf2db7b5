// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"

	"github.com/ipcprobe/ipcprobe/results"
)

// batches are the sizes that the report speaks of.
var batches = [...]int{2, 8, 32}

const (
	// littleHeadroom is the bound (percent) below which a rewrite is not worth
	// the trouble.
	littleHeadroom = 10
	// mostShare keeps a bound finite where every sample is a copy: with one more
	// sample that is none.
	mostShare = 0.999
)

// Copies divides the target's CPU samples by what they were spent on, and says
// what could be won, at most, if copies or calls vanished. calls is the table of
// the same slices, requests the number that was answered in them. Nil without a
// sample.
//
// The bounds are of the requests that the same CPU time could serve: where a
// share c of it vanishes, c/(1-c) more. c is the upper end of the share's 95 %
// interval (Wilson, 1927), and takes in what goes with the cost: with copies the
// pages that hold them and the faults on these; with calls all that the kernel
// does in them, copies and pages apart. The first bound may reach into the user's
// own code where it copies by hand; that is not seen.
func Copies(stacks []results.Stack, calls []results.CallTable, requests int64) *results.Copies {
	var by [costs]int64
	for i := range stacks {
		if n := stacks[i].Samples; n > 0 {
			by[spentOn(&stacks[i])] += n
		}
	}
	var n int64
	for c, samples := range by {
		if cost(c) != costOurs {
			n += samples
		}
	}
	if n == 0 {
		return nil
	}
	pct := func(c cost) float64 { return 100 * float64(by[c]) / float64(n) }
	out := &results.Copies{
		Samples:       n,
		KernelCopyPct: pct(costKernelCopy), KernelCopyInterval: percentOf(wilson(by[costKernelCopy], n)),
		UserCopyPct: pct(costUserCopy), UserCopyInterval: percentOf(wilson(by[costUserCopy], n)),
		BufferPct: pct(costBuffer), AllocationPct: pct(costAllocation), ParsingPct: pct(costParsing),
		SyscallEntryPct: pct(costEntry), WakeUpPct: pct(costWakeUp), CallWorkPct: pct(costCall), OtherPct: pct(costOther),
	}
	moved, made := transferred(calls)
	if requests > 0 {
		each := float64(moved) / float64(requests)
		out.BytesPerRequest = &each
		out.CallsPerRequest = float64(made) / float64(requests)
	}
	copied := wilson(by[costKernelCopy]+by[costUserCopy]+by[costBuffer], n)
	called := wilson(by[costEntry]+by[costWakeUp]+by[costCall], n)
	out.ZeroCopyInterval, out.BatchingInterval = headrooms(copied), headrooms(called)
	out.ZeroCopyHeadroomPct, out.BatchingHeadroomPct = out.ZeroCopyInterval[1], out.BatchingInterval[1]
	for _, k := range batches {
		vanishes := called[1] * (1 - 1/float64(k))
		out.Batching = append(out.Batching, results.Batching{Calls: k, HeadroomPct: headroom(vanishes)})
	}
	out.Advice = advice(*out.ZeroCopyInterval, *out.BatchingInterval)
	return out
}

// transferred is how many bytes the calls moved, and how many calls there were.
func transferred(calls []results.CallTable) (bytes, made int64) {
	for i := range calls {
		made += calls[i].Calls
		if calls[i].Moves {
			bytes += calls[i].Bytes
		}
	}
	return bytes, made
}

// advice compares the two bounds: where one's lower end lies above the other's
// upper end, it comes first.
func advice(copies, calls [2]float64) string {
	switch {
	case copies[1] < littleHeadroom && calls[1] < littleHeadroom:
		return results.AdviseNeither
	case copies[0] > calls[1]:
		return results.AdviseCopies
	case calls[0] > copies[1]:
		return results.AdviseCalls
	}
	return results.AdviseBoth
}

// headroom is what the same CPU time serves more when a share of it vanishes, in
// percent.
func headroom(share float64) float64 {
	share = min(share, mostShare)
	return 100 * share / (1 - share)
}

func headrooms(share [2]float64) *[2]float64 {
	return &[2]float64{headroom(share[0]), headroom(share[1])}
}

func percentOf(share [2]float64) *[2]float64 {
	return &[2]float64{100 * share[0], 100 * share[1]}
}

// wilson is the 95 % interval of a share of which k of n samples were seen
// (Wilson, JASA 22, 1927).
func wilson(k, n int64) [2]float64 {
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return [2]float64{max(0, middle-half), min(1, middle+half)}
}
