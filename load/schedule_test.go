// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"testing"
	"time"
)

func mustRate(t *testing.T, s string) Rate {
	t.Helper()
	r, err := ParseRate(s)
	if err != nil {
		t.Fatalf("ParseRate(%q): %v", s, err)
	}
	return r
}

func TestConstantArrivalsDoNotDrift(t *testing.T) {
	for _, rps := range []float64{3, 1000, 99_999} {
		s := NewSchedule(Rate{[]segment{steady(rps)}}, ArrivalsConstant, 1)
		for k := 1; k <= 1_000_000; k++ {
			want := float64(k) * 1e9 / rps
			if got := s.Next(); math.Abs(float64(got)-want) > 2 {
				t.Fatalf("rate %v: request %d is due at %d ns, want %.0f", rps, k, got, want)
			}
		}
	}
}

// TestPoissonGapsAreExponential is the Anderson–Darling test for a fully known
// distribution: A² above 3.857 has a probability of 1 % (Stephens, 1974). Seeds
// are fixed, so the outcome is too.
func TestPoissonGapsAreExponential(t *testing.T) {
	const n, rps = 20_000, 5000.0
	over := 0
	for seed := range uint64(20) {
		s := NewSchedule(Rate{[]segment{steady(rps)}}, ArrivalsPoisson, seed)
		gaps, last := make([]float64, n), int64(0)
		for i := range gaps {
			next := s.Next()
			gaps[i] = float64(next-last) / 1e9
			last = next
		}
		if a := andersonDarling(gaps, func(x float64) float64 { return 1 - math.Exp(-rps*x) }); a > 3.857 {
			over++
			t.Logf("seed %d: A² = %.2f", seed, a)
		}
	}
	if over > 2 {
		t.Errorf("%d of 20 seeds fail the Anderson–Darling test at 1 %%", over)
	}
	// The test must be able to fail: constant arrivals are not exponential.
	constant := make([]float64, n)
	for i := range constant {
		constant[i] = 1 / rps
	}
	if a := andersonDarling(constant, func(x float64) float64 { return 1 - math.Exp(-rps*x) }); a < 3.857 {
		t.Errorf("constant gaps pass as exponential: A² = %.2f", a)
	}
}

func TestSchedulesFollowTheirRate(t *testing.T) {
	tests := []struct {
		name string
		rate string
		want []float64 // requests due by the end of seconds 1, 2, 3, …
	}{
		{"constant", "1000", []float64{1000, 2000, 3000}},
		{"fraction", "0.5", []float64{0.5, 1, 1.5}},
		{"ramp up, then level", "0.001..1000/2s", []float64{250, 1000, 2000}},
		{"ramp down, then level", "1000..500/2s", []float64{875, 1500, 2000, 2500}},
		{"steps, the last holds", "1000,100,500@1s", []float64{1000, 1100, 1600, 2100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rate := mustRate(t, tt.rate)
			s := NewSchedule(rate, ArrivalsConstant, 1)
			due, last := s.Next(), int64(0)
			n := 0
			for sec, want := range tt.want {
				for ; due <= int64(sec+1)*1e9; n++ {
					if due < last {
						t.Fatalf("request %d is due before the one before it", n)
					}
					last, due = due, s.Next()
				}
				if math.Abs(float64(n)-want) > 1 {
					t.Errorf("%d requests by second %d, want %.1f", n, sec+1, want)
				}
				if c := rate.Count(time.Duration(sec+1) * time.Second); math.Abs(c-want) > 0.01*want+0.1 {
					t.Errorf("Count(%d s) = %.2f, want %.1f", sec+1, c, want)
				}
			}
		})
	}
}

func TestSchedulesOfOneSeedAreEqual(t *testing.T) {
	rate := mustRate(t, "1000")
	a, b, c := NewSchedule(rate, ArrivalsPoisson, 7), NewSchedule(rate, ArrivalsPoisson, 7), NewSchedule(rate, ArrivalsPoisson, 8)
	differ := false
	for range 1000 {
		x := a.Next()
		if y := b.Next(); x != y {
			t.Fatalf("one seed gives %d and %d", x, y)
		}
		differ = differ || x != c.Next()
	}
	if !differ {
		t.Error("two seeds give the same arrivals")
	}
}

func TestBadRatesAreRefused(t *testing.T) {
	for _, s := range []string{"", "0", "-1", "NaN", "Inf", "1e300", "fast", "1..2", "1..2/", "1..2/-1s", "..5/1s",
		"0..5/1s", "1,2", "1,2@", "1,,2@1s", "@1s", "1@0s", "max,1@1s"} {
		if r, err := ParseRate(s); err == nil {
			t.Errorf("ParseRate(%q) = %+v, want an error", s, r)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"max", "5000", "1000..20000/60s", "1000,2000,5000@10s", "0.001..1/1ns"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil || r.Closed() {
			return
		}
		s, last := NewSchedule(r, ArrivalsPoisson, 1), int64(0)
		for range 100 {
			next := s.Next()
			if next < last {
				t.Fatalf("%q: due times decrease: %d after %d", text, next, last)
			}
			last = next
		}
	})
}
