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
	// mostShare keeps a bound finite where every sample is a copy.
	mostShare = 0.9999
	// fastestCopy is the least that copying a byte takes, ns: 32 bytes a
	// nanosecond, from and to the nearest cache. What a copy routine takes beyond
	// it is the price of its being called.
	fastestCopy = 1.0 / 32
	// halfWay is the size of a call (bytes) at which the kernel's work for its
	// pages is as much as that for the call itself.
	halfWay = 16 << 10
	// indirect is the most that a call costs the program outside of it, ns: the
	// code around it, and what it finds gone from the caches (Soares and Stumm,
	// OSDI 2010).
	indirect = 50
)

// Spent is what the samples are set against: of the same slices, or of as many requests.
type Spent struct {
	CPU      int64 // the target's CPU time, ns; 0: not known
	Requests int64 // that were answered
	Calls    []results.CallTable
	Fastest  float64 // bytes a nanosecond, the most that this machine copies; 0: not known
}

// Copies divides the target's CPU samples by what they were spent on, and says
// what could be won, at most, if copies or calls vanished. Nil without a sample.
//
// The bounds are of the requests that the same CPU time could serve: where a
// share c of it vanishes, c/(1-c) more. c is the upper end of the share's 99.9 %
// interval (Wilson, 1927): what one run in forty exceeds is no bound. It takes in
// all that may go with the cost. With copies
// go the pages that hold them, the faults on these, and of the other work of the
// calls that move bytes as much as their size accounts for. With calls goes all
// that the kernel does in them, except the bare moving of bytes, and what they
// cost the program around them. Copies that a program makes by hand, without
// memcpy or a string instruction, are not seen.
func Copies(stacks []results.Stack, spent Spent) *results.Copies {
	var by [costs]int64
	var moving int64 // in calls that move bytes, without copies and pages
	for i := range stacks {
		n := stacks[i].Samples
		if n <= 0 {
			continue
		}
		c, transfer := spentOn(&stacks[i])
		by[c] += n
		if transfer && (c == costCall || c == costWakeUp || c == costEntry) {
			moving += n
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
		KernelCopyPct: pct(costKernelCopy), KernelCopyInterval: percentOf(wilson(float64(by[costKernelCopy]), n)),
		UserCopyPct: pct(costUserCopy), UserCopyInterval: percentOf(wilson(float64(by[costUserCopy]), n)),
		BufferPct: pct(costBuffer), AllocationPct: pct(costAllocation), ParsingPct: pct(costParsing),
		SyscallEntryPct: pct(costEntry), WakeUpPct: pct(costWakeUp), CallWorkPct: pct(costCall), OtherPct: pct(costOther),
	}
	m := countMoved(spent.Calls)
	if spent.Requests > 0 {
		each := float64(m.bytes) / float64(spent.Requests)
		out.BytesPerRequest = &each
		out.CallsPerRequest = float64(m.made) / float64(spent.Requests)
		out.UserBytesPerRequest, out.UserBytesInterval = userBytes(by[costUserCopy], by[costKernelCopy], n, m, spent)
	}
	copied := float64(by[costKernelCopy]+by[costUserCopy]+by[costBuffer]) + m.share()*float64(moving)
	called := float64(by[costEntry]+by[costWakeUp]+by[costCall]) +
		m.fixed(by[costKernelCopy], n, spent.CPU) + m.around(by[costOther]+by[costParsing]+by[costAllocation], n, spent.CPU)
	out.ZeroCopyInterval, out.BatchingInterval = headrooms(wilson(copied, n)), headrooms(wilson(called, n))
	out.ZeroCopyHeadroomPct, out.BatchingHeadroomPct = headroom(mostOf(copied, n)), headroom(mostOf(called, n))
	for _, k := range batches {
		vanishes := mostOf(called, n) * (1 - 1/float64(k))
		out.Batching = append(out.Batching, results.Batching{Calls: k, HeadroomPct: headroom(vanishes)})
	}
	out.Advice = advice(*out.ZeroCopyInterval, *out.BatchingInterval)
	return out
}

// moved is what the calls of a run amount to.
type moved struct {
	bytes int64 // that they moved
	moves int64 // calls that moved any
	made  int64 // calls
}

func countMoved(calls []results.CallTable) (m moved) {
	for i := range calls {
		m.made += calls[i].Calls
		if calls[i].Moves && calls[i].Bytes > 0 {
			m.bytes += calls[i].Bytes
			m.moves += calls[i].Calls
		}
	}
	return m
}

// share is the part of a moving call's work that goes with its bytes.
func (m moved) share() float64 {
	if m.moves == 0 {
		return 0
	}
	size := float64(m.bytes) / float64(m.moves)
	return size / (size + halfWay)
}

// fixed is how many of the kernel's copying samples are the price of calling the
// copy routine, and not of the bytes.
func (m moved) fixed(copying, n, cpu int64) float64 {
	if cpu <= 0 {
		return 0
	}
	bytes := float64(m.bytes) * fastestCopy / float64(cpu) * float64(n)
	return max(0, float64(copying)-bytes)
}

// around is how many of the program's own samples may be due to its calls.
func (m moved) around(own, n, cpu int64) float64 {
	if cpu <= 0 {
		return 0
	}
	return min(float64(own), float64(m.made)*indirect/float64(cpu)*float64(n))
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
func wilson(k float64, n int64) [2]float64 { return score(k, n, 1.959964) }

// mostOf is the upper end of the same share's 99.9 % interval.
func mostOf(k float64, n int64) float64 { return score(k, n, 3.290527)[1] }

// score is Wilson's interval for the quantile z of the normal distribution.
func score(k float64, n int64, z float64) [2]float64 {
	p, m := k/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return [2]float64{max(0, middle-half), min(1, middle+half)}
}
