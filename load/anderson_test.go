// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"math/rand/v2"
	"testing"
)

// andersonDarling is the statistic A² of values against a distribution that is
// known in full (Anderson, Darling, A Test of Goodness of Fit, JASA 49, 1954):
// 0 or more, and the larger the worse they fit.
func andersonDarling(values []float64, cdf func(float64) float64) float64 {
	n := len(values)
	sorted := sortedCopy(values)
	sum := 0.0
	for i, x := range sorted {
		low := math.Max(cdf(x), 1e-300)
		high := math.Max(1-cdf(sorted[n-1-i]), 1e-300)
		sum += float64(2*i+1) * (math.Log(low) + math.Log(high))
	}
	return -float64(n) - sum/float64(n)
}

// andersonDarlingP is the chance that values of that distribution fit no better
// than a: the limit for many values, good to 0.0001 from some hundred on
// (Marsaglia, Marsaglia, Evaluating the Anderson-Darling Distribution, Journal of
// Statistical Software 9(2), 2004, function adinf).
func andersonDarlingP(a float64) float64 {
	switch {
	case a <= 0:
		return 1
	case a < 2:
		return 1 - math.Exp(-1.2337141/a)/math.Sqrt(a)*
			(2.00012+(.247105-(.0649821-(.0347962-(.011672-.00168691*a)*a)*a)*a)*a)
	}
	return -math.Expm1(-math.Exp(1.0776 - (2.30695-(.43424-(.082433-(.008056-.0003146*a)*a)*a)*a)*a))
}

// exponential is the distribution of the gaps between Poisson arrivals.
func exponential(mean float64) func(float64) float64 {
	return func(x float64) float64 { return -math.Expm1(-x / mean) }
}

// erlang is the distribution of the time that k gaps of that mean take.
func erlang(k int, mean float64) func(float64) float64 {
	return func(x float64) float64 {
		x /= mean
		term, sum := 1.0, 1.0
		for i := 1; i < k; i++ {
			term *= x / float64(i)
			sum += term
		}
		return 1 - math.Exp(-x)*sum
	}
}

// The percentage points of table 1 of the first paper, case of a known distribution.
func TestAndersonDarlingHasItsPublishedPoints(t *testing.T) {
	for a, p := range map[float64]float64{1.933: 0.10, 2.492: 0.05, 3.857: 0.01} {
		if got := andersonDarlingP(a); math.Abs(got-p) > p*3/100 { // the points have an error of their own
			t.Errorf("A² of %v: chance %.5f, published %v", a, got, p)
		}
	}
	// Two values by hand: -2 - (ln u1 + ln(1-u2) + 3 (ln u2 + ln(1-u1)))/2.
	u := func(x float64) float64 { return x }
	want := -2 - (math.Log(0.25)+math.Log(0.5)+3*(math.Log(0.5)+math.Log(0.75)))/2
	if got := andersonDarling([]float64{0.5, 0.25}, u); math.Abs(got-want) > 1e-12 {
		t.Errorf("A² of two values is %v, by hand %v", got, want)
	}
}

// Values of the distribution are refused as often as they should be, and values of
// another one always.
func TestAndersonDarlingTellsDistributionsApart(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const samples, size = 400, 1000
	sums := 0
	for range samples {
		values := make([]float64, size)
		for i := range values {
			values[i] = random.ExpFloat64() + random.ExpFloat64() + random.ExpFloat64()
		}
		if andersonDarlingP(andersonDarling(values, erlang(3, 1))) < 0.05 {
			sums++
		}
	}
	if sums < 8 || sums > 34 {
		t.Errorf("of three gaps: %d of %d refused, want 8 to 34", sums, samples)
	}
	for name, row := range map[string]struct {
		draw     func(i int) float64
		low, top int // refusals at 5 % that are as they should be
	}{
		"the same":            {func(int) float64 { return random.ExpFloat64() }, 8, 34}, // 20, by three deviations
		"a mean 15 % longer":  {func(int) float64 { return 1.15 * random.ExpFloat64() }, samples * 8 / 10, samples},
		"constant":            {func(int) float64 { return 1 }, samples, samples},
		"in pairs":            {func(i int) float64 { return float64(i%2) * 2 * random.ExpFloat64() }, samples, samples},
		"late by a tenth":     {func(int) float64 { return 0.1 + 0.9*random.ExpFloat64() }, samples, samples},
		"even, of that mean":  {func(int) float64 { return 2 * random.Float64() }, samples, samples},
		"one in ten is stuck": {func(i int) float64 { return min(1, float64(i%10)) * random.ExpFloat64() }, samples, samples},
	} {
		refused := 0
		for range samples {
			values := make([]float64, size)
			for i := range values {
				values[i] = row.draw(i)
			}
			if andersonDarlingP(andersonDarling(values, exponential(1))) < 0.05 {
				refused++
			}
		}
		if refused < row.low || refused > row.top {
			t.Errorf("%s: %d of %d refused, want %d to %d", name, refused, samples, row.low, row.top)
		}
	}
}
