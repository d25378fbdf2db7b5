// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"time"
)

// CurveSteps are the rates of a curve of n steps, 3 at least, from idle to
// saturation: from 2 % of what a closed loop reached to 5 % more than that.
// They stand closer together towards the end, where the response time rises.
func CurveSteps(closed float64, n int) []float64 {
	const first, last = 0.02, 1.05
	rates := make([]float64, n)
	for i := range rates {
		along := math.Sin(math.Pi / 2 * float64(i) / float64(n-1))
		rates[i] = closed * (first + (last-first)*along)
	}
	return rates
}

// CurveStepLength is how long each of n steps may measure when all have to be
// made within budget: a step takes a quarter more, for its warm-up and the time
// until its load has started and ended.
func CurveStepLength(budget time.Duration, n int) time.Duration {
	const least, setup = 200 * time.Millisecond, 150 * time.Millisecond
	return max(least, (budget/time.Duration(n)-setup)*4/5)
}
