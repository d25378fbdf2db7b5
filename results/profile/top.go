// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// share is what a function has of the samples.
type share struct {
	named
	self, total int64
	last        int // the stack that counted last in total, from 1
}

// Top ranks functions by their share of the samples, the n first by self, then by
// total. Self counts samples whose leaf is the function, with what the compiler has
// put into it; total those that have it anywhere on the stack: once, however often
// it recurses. Both are percent of all samples. The marks of a walk that ended
// early are no functions.
func Top(stacks []results.Stack, n int) []results.Function {
	var samples int64
	byName := make(map[named]*share)
	for i := range stacks {
		s := &stacks[i]
		if s.Samples <= 0 {
			continue
		}
		samples += s.Samples
		leaf := true
		for j := range s.Frames {
			f := &s.Frames[j]
			if strings.HasPrefix(f.Function, "[unwind:") {
				break
			}
			key := named{function: f.Function, object: f.Object}
			of := byName[key]
			if of == nil {
				of = &share{named: key}
				byName[key] = of
			}
			if leaf && !f.Inlined {
				of.self += s.Samples
				leaf = false
			}
			if of.last != i+1 {
				of.total += s.Samples
				of.last = i + 1
			}
		}
	}
	ranked := make([]*share, 0, len(byName))
	for _, of := range byName {
		ranked = append(ranked, of)
	}
	slices.SortFunc(ranked, func(a, b *share) int {
		return cmp.Or(cmp.Compare(b.self, a.self), cmp.Compare(b.total, a.total),
			cmp.Compare(a.function, b.function), cmp.Compare(a.object, b.object))
	})
	out := make([]results.Function, 0, max(0, min(n, len(ranked))))
	for _, of := range ranked[:cap(out)] {
		out = append(out, results.Function{
			Function: of.function,
			Object:   of.object,
			SelfPct:  100 * float64(of.self) / float64(samples),
			TotalPct: 100 * float64(of.total) / float64(samples),
		})
	}
	return out
}
