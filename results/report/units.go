// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"strconv"
	"strings"
)

// dash stands for a figure that is not there.
const dash = "–"

// unit joins a figure and its unit so that no line breaks between them.
func unit(figure, name string) string { return figure + string(nbsp) + name }

// significant formats x with 3 significant digits and thousands separators,
// never with an exponent.
func significant(x float64) string {
	a := math.Abs(x)
	switch {
	case a == 0:
		return "0"
	case a < 9.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case a < 99.95:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	scale := math.Pow(10, math.Floor(math.Log10(a))-2)
	return grouped(strconv.FormatFloat(math.Round(x/scale)*scale, 'f', 0, 64))
}

// grouped puts a separator before every third digit of a whole number.
func grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// interval formats a figure and the ends of its interval with as many digits as
// the width of the interval bears: two digits of the width count. scale is the
// size of the unit they are to be in.
func interval(point float64, ends [2]float64, scale float64) (p, lo, hi string) {
	decimals := 0
	if width := math.Abs(ends[1]-ends[0]) / scale; width > 0 && width < 10 {
		decimals = min(3, 1-int(math.Floor(math.Log10(width))))
	}
	return decimal(point/scale, decimals), decimal(ends[0]/scale, decimals), decimal(ends[1]/scale, decimals)
}

// scaleOf is the unit in which a duration of this many ns is said.
func scaleOf(ns float64) (name string, scale float64) {
	u := timeUnits[0]
	for _, larger := range timeUnits[1:] {
		if math.Abs(ns) >= 0.9995*larger.ns {
			u = larger
		}
	}
	return u.name, u.ns
}

// count formats a whole number in full: 1,234,567.
func count(n int64) string { return grouped(strconv.FormatInt(n, 10)) }

// ucount is count of an unsigned number.
func ucount(n uint64) string { return grouped(strconv.FormatUint(n, 10)) }

// short formats a whole number for a table's cell: in full up to 99,999,999,
// then with 3 significant digits.
func short(n float64) string {
	switch {
	case math.Abs(n) < 99_999_999.5:
		return grouped(strconv.FormatFloat(n, 'f', 0, 64))
	case math.Abs(n) < 999.5e6:
		return unit(significant(n/1e6), "M")
	case math.Abs(n) < 999.5e9:
		return unit(significant(n/1e9), "G")
	}
	return scientific(n)
}

// scientific formats x with 3 significant digits and an exponent: 9.22e18.
func scientific(x float64) string {
	return strings.Replace(strconv.FormatFloat(x, 'e', 2, 64), "e+", "e", 1)
}

var timeUnits = []struct {
	name string
	ns   float64
}{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}

// duration formats nanoseconds in the unit that suits them, with 3 significant
// digits: 812 ns, 92.1 µs, 1.23 ms, 9.81 s.
func duration(ns float64) string {
	a := math.Abs(ns)
	if a < 999.5 && ns == math.Trunc(ns) {
		return unit(strconv.FormatFloat(ns, 'f', 0, 64), "ns")
	}
	if a >= 99_999.5e9 {
		return unit(strings.Replace(scientific(ns/1e9), "e0", "e", 1), "s")
	}
	name, scale := scaleOf(ns)
	return unit(significant(ns/scale), name)
}

// quantile formats a percentile, or a dash where the count can't support it.
func quantile(ns *int64) string {
	if ns == nil {
		return dash
	}
	return duration(float64(*ns))
}

// span of time of a run: 3.2 s, 90 s, 10 min, 2 h 5 min.
func elapsed(ns int64) string {
	s := float64(ns) / 1e9
	switch {
	case s < 1:
		return duration(float64(ns))
	case s < 59.95:
		return unit(strings.TrimSuffix(strconv.FormatFloat(s, 'f', 1, 64), ".0"), "s")
	case s < 3599.5:
		whole := int64(math.Round(s))
		return pair(whole/60, "min", whole%60, "s")
	}
	whole := int64(math.Round(s / 60))
	return pair(whole/60, "h", whole%60, "min")
}

func pair(a int64, aUnit string, b int64, bUnit string) string {
	first := unit(count(a), aUnit)
	if b == 0 {
		return first
	}
	return first + string(nbsp) + unit(count(b), bUnit)
}

// bytesize formats bytes in binary units with 3 significant digits.
func bytesize(n float64) string {
	names := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for math.Abs(n) >= 999.5 && i < len(names)-1 {
		n /= 1024
		i++
	}
	if i == 0 && n == math.Trunc(n) {
		return unit(strconv.FormatFloat(n, 'f', 0, 64), names[0])
	}
	return unit(significant(n), names[i])
}

// exactsize formats a size that somebody chose: 64 B, 4 KiB, 1,000 B.
func exactsize(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return unit(count(n>>20), "MiB")
	case n >= 1<<10 && n%(1<<10) == 0:
		return unit(count(n>>10), "KiB")
	}
	return unit(count(n), "B")
}

// percent formats a share with one decimal.
func percent(x float64) string {
	if x > 0 && x < 0.05 {
		return unit("<0.1", "%")
	}
	return unit(decimal(x, 1), "%")
}

// rough formats a share with about 2 significant digits, as a sampled one
// deserves: 35 %, 4.2 %.
func rough(x float64) string {
	if math.Abs(x) >= 9.95 || x == 0 {
		return unit(decimal(x, 0), "%")
	}
	return percent(x)
}

// nearly formats a share of which the last bit to 100 matters: anything short
// of all is never rounded up to 100 %.
func nearly(x float64) string {
	switch {
	case x >= 100:
		return unit("100", "%")
	case x > 0 && x < 0.01:
		return unit("<0.01", "%")
	}
	return unit(decimal(math.Floor(x*100)/100, 2), "%")
}

// decimal formats x with a fixed number of decimals and thousands separators.
// No minus stands before a zero.
func decimal(x float64, decimals int) string {
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	whole, rest, found := strings.Cut(s, ".")
	if strings.Trim(s, "-0.") == "" {
		whole = strings.TrimPrefix(whole, "-")
	}
	if found {
		return grouped(whole) + "." + rest
	}
	return grouped(whole)
}
