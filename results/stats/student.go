// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// tTable holds the 97.5 % quantile of Student's t for 1 to 30 degrees of freedom.
var tTable = [...]float64{
	12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
	2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
	2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
}

// z975 is the 97.5 % quantile of the normal distribution.
const z975 = 1.959964

// t975 is the 97.5 % quantile of Student's t, which gives a two-sided 95 %
// interval. Above 30 degrees of freedom it uses the first two terms of
// Cornish and Fisher's expansion, exact to four digits there.
func t975(freedom int) float64 {
	if freedom < 1 {
		return math.Inf(1)
	}
	if freedom <= len(tTable) {
		return tTable[freedom-1]
	}
	const z = z975
	v := float64(freedom)
	return z + (z*z*z+z)/(4*v) + (5*math.Pow(z, 5)+16*z*z*z+3*z)/(96*v*v)
}

// normalBelow is the share of a normal distribution below z.
func normalBelow(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
