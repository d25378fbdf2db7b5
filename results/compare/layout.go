// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math/rand/v2"
	"time"
)

// Preset is a length of a comparison that has a name.
type Preset struct {
	Name   string
	Quads  int           // A against B
	Null   int           // A against A
	Slice  time.Duration // each of a quad's four
	Warmup time.Duration // before each slice, not counted
}

// Presets are quick, ci and release. Holm's correction over the default gates asks
// of the most certain of them a chance of 0.7 %: 9 quads are the fewest that can
// give it.
var Presets = []Preset{
	{"quick", 10, 2, 400 * time.Millisecond, 100 * time.Millisecond},
	{"ci", 12, 4, time.Second, 200 * time.Millisecond},
	{"release", 24, 8, 5 * time.Second, time.Second},
}

// Letters of a quad's order.
const (
	abba = "ABBA"
	baab = "BAAB"
	null = "AAAA"
)

// IsNull says whether a quad compares A with itself. The first and the last of its
// slices then stand for the one side, those between for the other, or the other
// way round, as the coin says.
func IsNull(order string) bool { return order == null }

// Layout is the order of all quads: a coin decides each, and quads of A against
// itself stand evenly between the others. The same seed gives the same layout.
func Layout(quads, nulls int, seed uint64) []string {
	coin := rand.New(rand.NewPCG(seed, 0x7175616473))
	out := make([]string, quads+nulls)
	for k := range nulls {
		out[(2*k+1)*len(out)/(2*nulls)] = null // the middle of the k-th part
	}
	for i := range out {
		side := coin.IntN(2)
		switch {
		case out[i] == null:
		case side == 0:
			out[i] = abba
		default:
			out[i] = baab
		}
	}
	return out
}

// Sides says for each slice of a quad which side is under load: 0 for A, 1 for B.
// In a null quad both sides are A; the coin has no effect on what is measured.
func Sides(order string) [4]int {
	if order == baab {
		return [4]int{1, 0, 0, 1}
	}
	return [4]int{0, 1, 1, 0}
}
