// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

const second = int64(1_000_000_000)

// histogram records the values.
func histogram(values ...int64) *hdrhistogram.Histogram {
	h := results.NewHistogram()
	for _, v := range values {
		record(h, v, 1)
	}
	return h
}

// slice makes one slice at start, with n good answers in intervals of 100 ms and
// response times that draw gives, and a target that spends cpu ns an answer.
func slice(mode results.Mode, start, length int64, n int, cpu float64, draw func() int64) results.Slice {
	s := results.Slice{Mode: mode, Start: start, End: start + length}
	count := int(length / (second / 10))
	for i := range count {
		v := results.Interval{
			Start: start + int64(i)*length/int64(count),
			End:   start + int64(i+1)*length/int64(count),
		}
		share := n*(i+1)/count - n*i/count
		v.Counts = results.Counts{Sent: int64(share), OK: int64(share)}
		if draw != nil {
			times := results.NewHistogram()
			for range share {
				record(times, draw(), 1)
			}
			v.ResponseTime = results.DurationsOf(times)
			v.RoundTrip = v.ResponseTime
			v.SendLag.Append(0, int64(share))
		}
		s.Intervals = append(s.Intervals, v)
	}
	total := int64(cpu * float64(n))
	s.TargetCPU = [2]results.CPUTime{
		{At: start, Total: 1_000, User: 10, Kernel: 10},
		{At: start + length, Total: 1_000 + total, User: 10 + total/4, Kernel: 10 + total - total/4},
	}
	return s
}

// lognormal draws durations around median.
func lognormal(rng *rand.Rand, median, spread float64) func() int64 {
	return func() int64 { return int64(median * math.Exp(spread*rng.NormFloat64())) }
}
