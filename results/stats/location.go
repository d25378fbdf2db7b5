// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// Least number of differences for an interval by each method.
const (
	leastForT    = 3
	leastForSign = 6 // below it not even all signs alike reach 95 %: 2/2^5 = 6.25 %
)

// most is the largest sample for which Walsh averages are enumerated. A longer
// one is first thinned to the means of neighbours.
const most = 400

// Location estimates the centre of paired differences.
//
// The point is Hodges and Lehmann's estimate: the median of the means of all
// pairs (Hodges and Lehmann 1963). From 6 differences on, the interval holds
// the centres that an exact sign-flip test of the signed ranks (Wilcoxon) does
// not reject at 5 %: its ends are order statistics of those means (Hollander,
// Wolfe and Chicken, Nonparametric Statistical Methods, 3.3). From 3 to 5 it
// is Student's, around the mean. With fewer there is none: ok is false and
// the point stands alone. The differences must be symmetric about their centre,
// as differences of like things are.
func Location(differences []float64) (e results.Estimate, ok bool) {
	d := slices.Clone(differences)
	for len(d) > most {
		d = halve(d)
	}
	n := len(d)
	if n == 0 {
		return e, false
	}
	walsh := make([]float64, 0, n*(n+1)/2)
	for i := range d {
		for j := i; j < n; j++ {
			walsh = append(walsh, (d[i]+d[j])/2)
		}
	}
	slices.Sort(walsh)
	e.Point = medianSorted(walsh)
	switch {
	case n >= leastForSign:
		k := signedRankCut(n)
		e.Interval = [2]float64{walsh[k], walsh[len(walsh)-1-k]}
	case n >= leastForT:
		mean, deviation := moments(d)
		e.Point = mean
		half := t975(n-1) * deviation / math.Sqrt(float64(n))
		e.Interval = [2]float64{mean - half, mean + half}
	default:
		return e, false
	}
	return e, true
}

// halve replaces neighbours by their mean; an odd last one is left out.
func halve(d []float64) []float64 {
	out := d[:0]
	for i := 0; i+1 < len(d); i += 2 {
		out = append(out, (d[i]+d[i+1])/2)
	}
	return out
}

// signedRankCut is the largest k for which P(T < k) is at most 2.5 %, where T is
// the sum of the positive ranks of n differences whose signs are fair coins, less
// one: the index of the interval's lower end among the sorted Walsh averages.
func signedRankCut(n int) int {
	share := signedRank(n)
	below := 0.0
	for k, p := range share {
		below += p
		if below > 0.025 {
			return max(0, k-1)
		}
	}
	return 0
}

// signedRank returns the distribution of T: share[t] = P(T = t).
func signedRank(n int) []float64 {
	share := make([]float64, n*(n+1)/2+1)
	share[0] = 1
	reach := 0
	for rank := 1; rank <= n; rank++ {
		reach += rank
		for t := reach; t >= 0; t-- {
			p := share[t]
			if t >= rank {
				p += share[t-rank]
			}
			share[t] = p / 2
		}
	}
	return share
}

// medianSorted is the median of sorted values.
func medianSorted(v []float64) float64 {
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// moments are the mean and the sample's standard deviation.
func moments(v []float64) (mean, deviation float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(v)-1))
}
