// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"slices"
	"sort"

	"github.com/ipcprobe/ipcprobe/results"
)

// locateByTest is the method of stats.Location by its definition: the median of the means
// of all pairs, and those of them that the test by signs does not reject at 5 %.
func locateByTest(effects []float64) (e results.Estimate, ok bool) {
	var walsh []float64
	for i := range effects {
		for j := i; j < len(effects); j++ {
			walsh = append(walsh, (effects[i]+effects[j])/2)
		}
	}
	slices.Sort(walsh)
	e.Point = median(walsh)
	if len(effects) < LeastQuads {
		return e, false
	}
	kept := func(centre float64) bool {
		moved := make([]float64, len(effects))
		for i, x := range effects {
			moved[i] = x - centre
		}
		return signFlip(moved) > 0.05
	}
	n, middle := len(walsh), len(walsh)/2
	low := sort.Search(middle, func(i int) bool { return kept(walsh[i]) })
	high := n - 1 - sort.Search(n-1-middle, func(i int) bool { return kept(walsh[n-1-i]) })
	e.Interval = [2]float64{walsh[low], walsh[high]}
	return e, true
}
