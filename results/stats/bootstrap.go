// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	leastBlocks = 5   // fewer say nothing about how blocks vary
	mostBlocks  = 240 // more only cost time and memory: longer blocks do as well
	resamples   = 2000
	// slack is by how much a block may be short of its length: intervals are
	// not exactly 100 ms.
	slack = 50 * time.Millisecond
)

// Uncertainty holds 95 % intervals of a run's figures. One that the run can't
// support is nil.
type Uncertainty struct {
	RPS      *[2]float64   // good answers per second
	P50, P99 *[2]float64   // response time, ns
	Blocks   int           // that were resampled
	Block    time.Duration // their length, at most: slices can be shorter
	Warnings []string
}

// Bootstrap gives the intervals of throughput and response time over the slices
// of one mode, by resampling blocks of time with replacement (Carlstein 1986):
// what is slow for a while counts as one event, not as thousands. Blocks are 1 s
// of the 100 ms intervals and don't span two slices, so shorter slices are a
// block each; of a run with more than 240, neighbours are one. A run of fewer than
// 5 such blocks is cut finer, which underestimates slow changes, and a warning says
// so; one of fewer than 5 intervals has no intervals.
//
// The ends are percentiles of 2,000 resamples, taken further out than 2.5 % by
// as much as Student's t exceeds the normal for so few blocks (Hesterberg 2015,
// "What Teachers Should Know About the Bootstrap", expanded percentiles).
// Percentiles are those of the resample's merged histogram, to 0.1 %.
func Bootstrap(all []results.Slice, mode results.Mode, seed uint64) Uncertainty {
	blocks, length := cut(all, mode)
	u := Uncertainty{Blocks: len(blocks), Block: length}
	if len(blocks) < leastBlocks {
		u.Warnings = append(u.Warnings, fmt.Sprintf(
			"no confidence intervals: the %s slices hold only %d intervals of 100 ms, 5 are needed", mode, len(blocks)))
		return u
	}
	if length < time.Second {
		u.Warnings = append(u.Warnings, fmt.Sprintf(
			"confidence intervals come from blocks of %v, because the %s slices hold fewer than 5 blocks of 1s: they miss what varies more slowly",
			length, mode))
	}
	r := newResampler(blocks)
	rng := rand.New(rand.NewPCG(seed, 0x626c6f636b73))
	var rps, p50, p99 []float64
	for range resamples {
		r.draw(rng)
		if s := r.seconds(); s > 0 {
			rps = append(rps, float64(r.good())/s)
		}
		if v, ok := r.quantile(50, 2); ok {
			p50 = append(p50, v)
		}
		if v, ok := r.quantile(99, 100); ok {
			p99 = append(p99, v)
		}
	}
	u.RPS = interval(rps, len(blocks))
	total := r.total()
	if total >= support*2 {
		u.P50 = interval(p50, len(blocks))
	}
	if total >= support*100 {
		u.P99 = interval(p99, len(blocks))
	}
	return u
}

// interval reads the ends of a 95 % interval off the resampled figures.
func interval(v []float64, blocks int) *[2]float64 {
	if len(v) == 0 {
		return nil
	}
	slices.Sort(v)
	n := float64(blocks)
	outside := normalBelow(-math.Sqrt(n/(n-1)) * t975(blocks-1))
	i := int(outside * float64(len(v)))
	return &[2]float64{v[i], v[len(v)-1-i]}
}

// cut divides the slices of one mode into blocks, 1 s each where that gives
// enough of them, and returns their length.
func cut(all []results.Slice, mode results.Mode) ([]block, time.Duration) {
	length := time.Second
	blocks := cutBy(all, mode, length)
	for _, finer := range []time.Duration{500 * time.Millisecond, 200 * time.Millisecond, 100 * time.Millisecond} {
		if len(blocks) >= leastBlocks {
			break
		}
		length = finer
		blocks = cutBy(all, mode, length)
	}
	if n := (len(blocks) + mostBlocks - 1) / mostBlocks; n > 1 {
		length, blocks = time.Duration(n)*length, together(blocks, n)
	}
	return blocks, length
}

// together makes one block of n neighbours each; the last may have fewer.
func together(blocks []block, n int) []block {
	var out []block
	for list := range slices.Chunk(blocks, n) {
		out = append(out, slices.Concat(list...))
	}
	return out
}

// cutBy divides each slice into blocks of the given length. What is left at its
// end is a block of its own when it is half as long or the only one, else it
// joins the last.
func cutBy(all []results.Slice, mode results.Mode, length time.Duration) []block {
	var blocks []block
	for i := range all {
		s := &all[i]
		if s.Mode != mode {
			continue
		}
		first := len(blocks)
		var ns int64
		start := 0
		for j := range s.Intervals {
			ns += s.Intervals[j].End - s.Intervals[j].Start
			if ns >= int64(length-slack) {
				blocks = append(blocks, s.Intervals[start:j+1])
				ns, start = 0, j+1
			}
		}
		switch rest := s.Intervals[start:]; {
		case len(rest) == 0:
		case len(blocks) == first || ns >= int64(length)/2:
			blocks = append(blocks, rest)
		default:
			last := &blocks[len(blocks)-1]
			*last = s.Intervals[start-len(*last):]
		}
	}
	return blocks
}

// block is a stretch of intervals that is resampled as a whole.
type block []results.Interval
