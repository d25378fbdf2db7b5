// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"testing"
	"time"
)

func TestCurveStepsGoFromIdleToSaturation(t *testing.T) {
	for _, n := range []int{3, 10, 50} {
		steps := CurveSteps(1000, n)
		if len(steps) != n || math.Abs(steps[0]-20) > 1e-9 || math.Abs(steps[n-1]-1050) > 1e-9 {
			t.Fatalf("%d steps: %v", n, steps)
		}
		for i := 2; i < n; i++ {
			if steps[i] <= steps[i-1] || steps[i]-steps[i-1] >= steps[i-1]-steps[i-2] {
				t.Errorf("%d steps: step %d is no nearer to its neighbour than the one before: %v", n, i, steps)
			}
		}
	}
}

func TestCurveStepsFitTheirTime(t *testing.T) {
	for _, c := range []struct {
		budget time.Duration
		n      int
		want   time.Duration
	}{
		{45 * time.Second, 10, 3480 * time.Millisecond},
		{5 * time.Second, 50, 200 * time.Millisecond},
		{0, 3, 200 * time.Millisecond},
	} {
		if got := CurveStepLength(c.budget, c.n); got != c.want {
			t.Errorf("%d steps in %v: %v, want %v", c.n, c.budget, got, c.want)
		}
	}
}
