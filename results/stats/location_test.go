// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// studentBelow integrates Student's density up to t, by Simpson's rule.
func studentBelow(t float64, freedom int) float64 {
	v := float64(freedom)
	g1, _ := math.Lgamma((v + 1) / 2)
	g2, _ := math.Lgamma(v / 2)
	scale := math.Exp(g1-g2) / math.Sqrt(v*math.Pi)
	density := func(x float64) float64 { return scale * math.Pow(1+x*x/v, -(v+1)/2) }
	const steps = 20_000
	h := t / steps
	sum := density(0) + density(t)
	for i := 1; i < steps; i++ {
		sum += float64(2+2*(i%2)) * density(float64(i)*h)
	}
	return 0.5 + sum*h/3
}

func TestStudentQuantilesAgainstTheDensity(t *testing.T) {
	for _, freedom := range []int{1, 2, 3, 4, 5, 7, 11, 19, 29, 30, 31, 40, 59, 120, 239} {
		if got := studentBelow(t975(freedom), freedom); math.Abs(got-0.975) > 2e-6*5 {
			t.Errorf("%d degrees of freedom: P(T < %v) = %.6f, want 0.975", freedom, t975(freedom), got)
		}
	}
	if !math.IsInf(t975(0), 1) {
		t.Error("no degree of freedom: want infinity")
	}
	if got := normalBelow(z975); math.Abs(got-0.975) > 1e-6 {
		t.Errorf("normal: %v", got)
	}
}

// The signed-rank distribution by enumerating all signs.
func TestSignedRankAgainstEnumeration(t *testing.T) {
	for n := 1; n <= 12; n++ {
		want := make([]float64, n*(n+1)/2+1)
		for signs := range 1 << n {
			sum := 0
			for rank := 1; rank <= n; rank++ {
				sum += rank * (signs >> (rank - 1) & 1)
			}
			want[sum] += 1 / float64(int(1)<<n)
		}
		for i, p := range signedRank(n) {
			if math.Abs(p-want[i]) > 1e-12 {
				t.Fatalf("n = %d: P(T = %d) = %v, want %v", n, i, p, want[i])
			}
		}
	}
}

func TestLocation(t *testing.T) {
	tests := []struct {
		name     string
		d        []float64
		point    float64
		interval [2]float64
		ok       bool
	}{
		{"none", nil, 0, [2]float64{}, false},
		{"one", []float64{3}, 3, [2]float64{}, false},
		{"two have no interval", []float64{1, 3}, 2, [2]float64{}, false},
		{"three by Student", []float64{1, 2, 3}, 2, [2]float64{2 - 4.3027/math.Sqrt(3), 2 + 4.3027/math.Sqrt(3)}, true},
		{"six by ranks: the extremes", []float64{6, 1, 2, 5, 3, 4}, 3.5, [2]float64{1, 6}, true},
		{"all alike", []float64{2, 2, 2, 2, 2, 2, 2}, 2, [2]float64{2, 2}, true},
		// Table of the signed-rank test: n = 8 rejects at T ≤ 3, so the fourth
		// Walsh average is the end: 0, .5, 1, 1 … of 0..7.
		{"eight by ranks", []float64{0, 1, 2, 3, 4, 5, 6, 7}, 3.5, [2]float64{1, 6}, true},
		{"one outlier moves the point little", []float64{1, 1, 1, 1, 1, 1, 100}, 1, [2]float64{1, 50.5}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, ok := Location(tt.d)
			if ok != tt.ok || math.Abs(e.Point-tt.point) > 1e-9 {
				t.Fatalf("point %v, ok %v, want %v, %v", e.Point, ok, tt.point, tt.ok)
			}
			for i := range e.Interval {
				if math.Abs(e.Interval[i]-tt.interval[i]) > 1e-9 {
					t.Errorf("interval %v, want %v", e.Interval, tt.interval)
					break
				}
			}
		})
	}
}

func TestLocationCoversTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{3, 5, 6, 8, 12, 30, 900} {
		const runs = 1_500
		trials := runs
		if n > 100 {
			trials = 100
		}
		hit := 0
		for range trials {
			d := make([]float64, n)
			for i := range d {
				d[i] = 7 + rng.NormFloat64()
			}
			if e, ok := Location(d); ok && e.Interval[0] <= 7 && 7 <= e.Interval[1] {
				hit++
			}
		}
		if share := float64(hit) / float64(trials); share < 0.93 {
			t.Errorf("n = %d: intervals cover the truth in %.1f %% of trials, want about 95 or more", n, 100*share)
		}
	}
}
