// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"math"
	"slices"
)

// signFlip is the two-sided chance of effects at least as one-sided as these if
// their signs were fair coins: the exact test of the signed ranks (Wilcoxon 1945),
// with the mean rank for ties. Effects of 0 say nothing and are left out; if all
// are, the chance is 1.
func signFlip(effects []float64) float64 {
	sizes := make([]float64, 0, len(effects))
	for _, e := range effects {
		if e != 0 {
			sizes = append(sizes, e)
		}
	}
	n := len(sizes)
	if n == 0 {
		return 1
	}
	slices.SortFunc(sizes, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	// Ranks are doubled, so that those of ties are whole.
	ranks, positive := make([]int, n), 0
	for i := 0; i < n; {
		j := i
		for j < n && math.Abs(sizes[j]) == math.Abs(sizes[i]) {
			j++
		}
		for k := i; k < j; k++ {
			ranks[k] = i + 1 + j
		}
		i = j
	}
	sum := 0
	for i, r := range ranks {
		sum += r
		if sizes[i] > 0 {
			positive += r
		}
	}
	share := make([]float64, sum+1)
	share[0] = 1
	for _, r := range ranks {
		for t := sum; t >= 0; t-- {
			p := share[t]
			if t >= r {
				p += share[t-r]
			}
			share[t] = p / 2
		}
	}
	tail := 0.0
	for t := 0; t <= min(positive, sum-positive); t++ {
		tail += share[t]
	}
	return min(1, 2*tail)
}

// holm adjusts chances for being several (Holm 1979): the smallest is multiplied by
// their number, the next by one less, and none falls below the one before.
func holm(p []float64) []float64 {
	byChance := make([]int, len(p))
	for i := range byChance {
		byChance[i] = i
	}
	slices.SortStableFunc(byChance, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]float64, len(p))
	least := 0.0
	for place, i := range byChance {
		least = max(least, min(1, p[i]*float64(len(p)-place)))
		out[i] = least
	}
	return out
}
