// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// Lateness gathers what load generators that ran one after the other know of their
// own part in an open loop. The zero value holds nothing.
type Lateness struct {
	own  []int64
	held int64
}

// Late is the sum of a Lateness, as Offer takes it.
type Late struct {
	OwnLagP99 int64 // ns: the median of the generators
	Held      int64
}

// Note adds one generator.
func (l *Lateness) Note(ownLagP99, held int64) {
	l.own = append(l.own, ownLagP99)
	l.held += held
}

// Add adds all that another has gathered.
func (l *Lateness) Add(other Lateness) {
	l.own = append(l.own, other.own...)
	l.held += other.held
}

// Total is the sum; the lag of a generator that was late once says little of the
// others, so it is the median.
func (l *Lateness) Total() Late {
	t := Late{Held: l.held}
	if n := len(l.own); n > 0 {
		t.OwnLagP99 = slices.Sorted(slices.Values(l.own))[n/2]
	}
	return t
}

// Placed adds what one more look at the placement has seen to that of n before it.
// SharedPct is the mean of all.
func Placed(sum results.Placement, n int, more results.Placement) results.Placement {
	union := func(x, y []int) []int {
		all := slices.Concat(x, y)
		slices.Sort(all)
		return slices.Compact(all)
	}
	return results.Placement{
		TargetCPUs:    union(sum.TargetCPUs, more.TargetCPUs),
		GeneratorCPUs: union(sum.GeneratorCPUs, more.GeneratorCPUs),
		SharedPct:     (sum.SharedPct*float64(n) + more.SharedPct) / float64(n+1),
	}
}

// Rounded is a positive figure with two significant digits, rounded down.
func Rounded(x float64) float64 {
	scale := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Floor(x/scale) * scale
}
