// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

func spaced(s string) string { return strings.ReplaceAll(s, string(nbsp), " ") }

func TestDuration(t *testing.T) {
	for ns, want := range map[float64]string{
		0: "0 ns", 1: "1 ns", 812: "812 ns", 5.25: "5.25 ns", 99.96: "100 ns", 999.4: "999 ns", 999.6: "1.00 µs",
		1000: "1.00 µs", 92_095: "92.1 µs", 99_960: "100 µs", 999_499: "999 µs", 999_500: "1.00 ms", 1_234_567: "1.23 ms",
		9_994_999: "9.99 ms", 9_995_001: "10.0 ms", 9.81e9: "9.81 s", 120e9: "120 s", 12_345e9: "12,300 s", 9.2e18: "9.20e9 s", -1500: "-1.50 µs",
	} {
		if got := spaced(duration(ns)); got != want {
			t.Errorf("duration(%v) = %q, want %q", ns, got, want)
		}
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{significant(41_312.6), "41,300"}, {significant(9.996), "10.0"}, {significant(99.96), "100"}, {significant(999.6), "1,000"},
		{significant(0), "0"}, {significant(0.004), "0.00"},
		{count(1_234_567), "1,234,567"}, {count(-999), "-999"}, {count(-1000), "-1,000"}, {ucount(math.MaxUint64), "18,446,744,073,709,551,615"},
		{short(99_999_999), "99,999,999"}, {short(100_000_000), "100 M"}, {short(4.12e9), "4.12 G"}, {short(9.22e18), "9.22e18"},
		{percent(0.04), "<0.1 %"}, {percent(0), "0.0 %"}, {percent(-0.01), "0.0 %"}, {percent(12.34), "12.3 %"},
		{rough(35.2), "35 %"}, {rough(9.94), "9.9 %"}, {rough(9.96), "10 %"},
		{nearly(99.999), "99.99 %"}, {nearly(100), "100 %"}, {nearly(0.001), "<0.01 %"}, {nearly(0), "0.00 %"},
		{bytesize(0), "0 B"}, {bytesize(262), "262 B"}, {bytesize(70.2), "70.2 B"}, {bytesize(1023), "1.00 KiB"}, {bytesize(45 << 20), "45.0 MiB"},
		{exactsize(64), "64 B"}, {exactsize(4096), "4 KiB"}, {exactsize(4 << 20), "4 MiB"}, {exactsize(1000), "1,000 B"},
		{elapsed(32e8), "3.2 s"}, {elapsed(10e9), "10 s"}, {elapsed(5e6), "5.00 ms"}, {elapsed(90e9), "1 min 30 s"}, {elapsed(7200e9), "2 h"},
		{elapsed(59_960e6), "1 min"}, {each(0.0001), "<0.001"}, {each(0.031), "0.031"}, {each(2), "2.00"}, {each(0), "0"},
		{quantile(nil), "–"}, {quantile(ptr(int64(92_095))), "92.1 µs"},
		{clock(7 * time.Second), "7 s"}, {clock(65 * time.Second), "1:05"}, {clock(7207 * time.Second), "2:00:07"}, {clock(-time.Second), "0 s"},
	} {
		if got := spaced(c.got); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestAnIntervalShowsTheDigitsItBears(t *testing.T) {
	for _, c := range []struct {
		point, lo, hi float64
		want          string
	}{
		{41_312.6, 40_911, 41_702, "41,313 40,911 41,702"},
		{9_998, 9_991.2, 10_004.4, "9,998 9,991 10,004"},
		{91.87, 91.2, 92.9, "91.9 91.2 92.9"},
		{5, 5, 5, "5 5 5"},
		{1.0004, 1.00031, 1.00049, "1.000 1.000 1.000"},
	} {
		p, lo, hi := interval(c.point, [2]float64{c.lo, c.hi}, 1)
		if got := p + " " + lo + " " + hi; got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestSharesAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		parts := make([]float64, 1+rng.IntN(6))
		var sum float64
		for i := range parts {
			parts[i] = math.Exp(20 * rng.Float64())
			if rng.IntN(8) == 0 {
				parts[i] = 0
			}
			if i == 4 { // what the legs miss may be negative
				parts[i] = -parts[i] / 1e4
			}
			sum += parts[i]
		}
		if sum <= 0 {
			continue
		}
		for _, total := range []int64{100, 1000} {
			var got int64
			for i, n := range apportion(total, parts, sum) {
				got += n
				if exact := parts[i] / sum * float64(total); math.Abs(float64(n)-exact) >= 1 {
					t.Fatalf("part %d of %v is %d of %d", i, parts, n, total)
				}
			}
			if got != total {
				t.Fatalf("%v: shares add up to %d of %d", parts, got, total)
			}
		}
		checkColumn(t, sum, parts)
	}
}

// checkColumn adds up the printed figures as a reader would.
func checkColumn(t *testing.T, sum float64, parts []float64) {
	t.Helper()
	printedTotal, printed := column(sum, parts)
	var got int64
	for _, p := range printed {
		got += digits(t, p)
	}
	if want := digits(t, printedTotal); got != want {
		t.Fatalf("%v: %v add up to %d, not to %s", parts, printed, got, printedTotal)
	}
}

// digits reads a printed figure in steps of its last decimal.
func digits(t *testing.T, s string) int64 {
	t.Helper()
	figure, _, _ := strings.Cut(spaced(s), " ")
	n, err := strconv.ParseInt(strings.NewReplacer(".", "", ",", "").Replace(figure), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNothingIsSharedOut(t *testing.T) {
	for _, sum := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		for _, n := range apportion(100, []float64{1, 2}, sum) {
			if n != 0 {
				t.Errorf("of %v: %d", sum, n)
			}
		}
	}
	if got := apportion(100, nil, 1); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestStroke(t *testing.T) {
	for _, c := range []struct {
		part, whole int64
		unicode     bool
		want        string
	}{
		{0, 10, true, ""}, {10, 10, true, "████"}, {5, 10, true, "██"}, {1, 1000, true, "▏"}, {9, 10, true, "███▋"},
		{1, 1000, false, "."}, {5, 10, false, "##"}, {20, 10, false, "####"}, {1, 0, true, ""}, {-1, 10, true, ""},
	} {
		if got := stroke(c.part, c.whole, 4, c.unicode); got != c.want {
			t.Errorf("stroke(%d, %d) = %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}
