// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

// Syscalls makes the table of system calls of the kernel's sums over all slices that
// carried their probes, those first that cost a request most: the time in the call, less
// what threads without a request sleep in it, and others in a wait for clients. requests
// is the number of requests that were answered in the same slices; with 0, CallsPerRequest is 0. errno names an error number.
//
// The kernel counts durations in buckets, so percentiles are exact to half a
// bucket, 3 % for the 1/16 of results.CallTable; the mean is exact. Calls
// that were entered before the probes were attached are counted and not timed:
// Latency.Count may be below Calls.
func Syscalls(tables []results.CallTable, requests int64, errno func(int) string) []results.Syscall {
	out := make([]results.Syscall, 0, len(tables))
	costs := make(map[string]int64, len(tables))
	several := severalThreads(tables)
	for i := range tables {
		t := &tables[i]
		if t.Calls == 0 {
			continue
		}
		s := results.Syscall{
			Name:    t.Name,
			Calls:   t.Calls,
			TotalNs: t.TotalNs,
			Latency: Buckets(t.Buckets),
			Errors:  make(map[string]int64),
		}
		if requests > 0 {
			s.CallsPerRequest = float64(t.Calls) / float64(requests)
			cost := float64(costOf(t)) / float64(requests)
			s.NsPerRequest = &cost
		}
		if t.Moves {
			perCall := float64(t.Bytes) / float64(t.Calls)
			s.BytesPerCall = &perCall
		}
		if s.Latency != nil {
			s.Latency.Mean = float64(t.TotalNs) / float64(s.Latency.Count)
		}
		for number, n := range t.Errors {
			if n > 0 {
				s.Errors[errno(number)] += n
			}
		}
		if several {
			s.Threads = byThread(t.Threads)
		}
		costs[t.Name] = costOf(t)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b results.Syscall) int {
		return cmp.Or(cmp.Compare(costs[b.Name], costs[a.Name]), cmp.Compare(b.TotalNs, a.TotalNs), cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// costOf is what a call costs the requests (ns): its time without idleness.
func costOf(t *results.CallTable) int64 {
	idle := t.IdleNs
	if t.Waits {
		idle += t.AsleepNs
	}
	return max(0, t.TotalNs-idle)
}

// Buckets describes durations that were counted in buckets [Low, High), or is
// nil when there are none. Percentiles and mean are those of the buckets'
// middles; Min is the lower edge of the first bucket and Max the last duration
// of the last, so both enclose what was measured.
func Buckets(buckets []results.Bucket) *results.Distribution {
	h := results.NewHistogram()
	var low, high int64
	for _, b := range buckets {
		if b.Count <= 0 {
			continue
		}
		if h.TotalCount() == 0 {
			low, high = b.Low, b.High-1
		}
		low, high = min(low, b.Low), max(high, b.High-1)
		record(h, b.Low+(b.High-1-b.Low)/2, b.Count)
	}
	return enclosed(h, low, high)
}

// enclosed is Distribution with known ends.
func enclosed(h *hdrhistogram.Histogram, low, high int64) *results.Distribution {
	d := Distribution(h)
	if d != nil {
		d.Min, d.Max = low, max(low, high)
	}
	return d
}
