// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"
)

// apportion splits total units over the parts in proportion to their size, by
// the method of largest remainders: the whole numbers that come out add up to
// total exactly. sum is what the parts add up to. Equal remainders go to the
// earlier part. With a sum that is no positive number all are 0.
func apportion(total int64, parts []float64, sum float64) []int64 {
	out := make([]int64, len(parts))
	if !(sum > 0) || math.IsInf(sum, 0) || len(parts) == 0 {
		return out
	}
	rest := make([]float64, len(parts))
	left := total
	for i, part := range parts {
		exact := part / sum * float64(total)
		out[i] = int64(math.Floor(exact))
		rest[i] = exact - math.Floor(exact)
		left -= out[i]
	}
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case rest[a] > rest[b]:
			return -1
		case rest[a] < rest[b]:
			return 1
		}
		return 0
	})
	for i := 0; left > 0 && i < len(order); i++ {
		out[order[i]]++
		left--
	}
	return out
}

// columnScale is the unit and the decimals for durations that add up to total: a
// unit finer than the total's own where that is milliseconds or seconds, so that
// small parts can be told from none.
func columnScale(total float64) (name string, scale float64, decimals int) {
	name, scale = scaleOf(total)
	if scale > 1000 {
		name, scale = scaleOf(total / 10)
	}
	if total/scale >= 99.995 {
		return name, scale, 1
	}
	return name, scale, 2
}

// column formats durations that add up, so that the printed figures add up
// too: all in the unit of the total, with the same decimals, each rounded so
// that the sum is the total's printed figure.
func column(total float64, parts []float64) (printedTotal string, printed []string) {
	name, scale, decimals := columnScale(total)
	step := scale / math.Pow(10, float64(decimals))
	whole := int64(math.Round(total / step))
	printed = make([]string, len(parts))
	for i, n := range apportion(whole, parts, total) {
		printed[i] = unit(decimal(float64(n)*step/scale, decimals), name)
	}
	return unit(decimal(float64(whole)*step/scale, decimals), name), printed
}
