// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestSignFlipIsExact(t *testing.T) {
	for _, c := range []struct {
		name    string
		effects []float64
		want    float64
	}{
		{"all of one sign, six", []float64{1, 2, 3, 4, 5, 6}, 2.0 / 64},
		{"all of one sign and size", []float64{-1, -1, -1, -1, -1, -1, -1}, 2.0 / 128},
		{"nothing changed", []float64{0, 0, 0, 0, 0, 0}, 1},
		{"zeros say nothing", []float64{0, 1, 2, 3, 4, 5, 6}, 2.0 / 64},
		{"the smallest is against", []float64{-1, 2, 3, 4, 5, 6}, 4.0 / 64},
		{"balanced", []float64{1, -1, 2, -2}, 1},
	} {
		if got := signFlip(c.effects); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHolmStepsDown(t *testing.T) {
	got := holm([]float64{0.01, 0.04, 0.03, 0.5})
	for i, want := range []float64{0.04, 0.09, 0.09, 0.5} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("chance %d: %v, want %v", i, got[i], want)
		}
	}
}

func TestLayoutIsSeededAndEven(t *testing.T) {
	for _, c := range [][2]int{{12, 4}, {10, 2}, {24, 8}, {6, 0}, {1, 1}, {0, 3}, {5, 7}} {
		order := Layout(c[0], c[1], 9)
		if len(order) != c[0]+c[1] || nulls(order) != c[1] {
			t.Fatalf("%v: %v", c, order)
		}
		if !slices.Equal(order, Layout(c[0], c[1], 9)) {
			t.Errorf("%v: the same seed gives two layouts", c)
		}
	}
	order := Layout(12, 4, 9)
	if slices.Equal(order, Layout(12, 4, 10)) {
		t.Error("two seeds give one layout")
	}
	for _, part := range [][]string{order[:4], order[4:8], order[8:12], order[12:]} {
		if nulls(part) != 1 {
			t.Errorf("nulls are not spread: %v", order)
		}
	}
	sides := map[string]int{}
	for _, o := range Layout(2000, 0, 3) {
		sides[o]++
		s := Sides(o)
		if s[0] != s[3] || s[1] != s[2] || s[0] == s[1] {
			t.Fatalf("%s: %v", o, s)
		}
	}
	if sides[abba] < 900 || sides[baab] < 900 {
		t.Errorf("the coin is not fair: %v", sides)
	}
}

func nulls(order []string) (n int) {
	for _, o := range order {
		if IsNull(o) {
			n++
		}
	}
	return n
}

func TestThroughputIsBetterWhenHigher(t *testing.T) {
	for _, c := range []struct {
		b    float64
		want results.Verdict
	}{{80, results.Regression}, {125, results.Improved}, {100, results.Pass}} {
		var quads []Quad
		for i := range 12 {
			wobble := 1 + 0.002*float64(i%3-1)
			quads = append(quads, Quad{A: Figures{Throughput: 100}, B: Figures{Throughput: c.b * wobble}})
		}
		metrics := Quads(quads, locateByTest)
		Judge(metrics, Gates(QuadMargin))
		if v, reason := Sum(metrics); v != c.want {
			t.Errorf("throughput 100 to %v is %s (%s), want %s", c.b, v, reason, c.want)
		}
	}
}

func TestASystemCallThatOnlyOneBuildMakesIsCounted(t *testing.T) {
	var quads []Quad
	for range 8 {
		quads = append(quads, Quad{
			A: Figures{CallsPrefix + "send": 1, Syscalls: 2, P99: 100},
			B: Figures{CallsPrefix + "sendmsg": 0.5, Syscalls: 1.5, P99: 80},
		})
	}
	metrics := Quads(quads, locateByTest)
	Explain(metrics)
	i := slices.IndexFunc(metrics, func(m results.MetricChange) bool { return m.Name == P99 })
	for _, want := range []string{"1.0 → 0 send per request", "0 → 0.50 sendmsg per request"} {
		if !strings.Contains(metrics[i].Explanation, want) {
			t.Errorf("explanation %q lacks %q", metrics[i].Explanation, want)
		}
	}
}

// More calls don't explain that a request takes less.
func TestACauseGoesTheWayOfTheChange(t *testing.T) {
	one, two := 1.0, 2.0
	for _, row := range []struct {
		name   string
		change float64
		a, b   *float64
		told   bool
	}{
		{P50, -20, &two, &one, true}, {P50, -20, &one, &two, false}, {CPUPerRequest, 20, &one, &two, true},
		{CPUPerRequest, 20, &two, &one, false}, {Throughput, 20, &two, &one, true}, {Throughput, 20, &one, &two, false},
	} {
		for _, counter := range []string{CallsPrefix + "recvfrom", LegPrefix + "queue_wait"} {
			metrics := []results.MetricChange{{Name: row.name, ChangePct: &row.change}, {Name: counter, A: row.a, B: row.b}}
			told := row.told && (counter != LegPrefix+"queue_wait" || row.name == P50)
			if Explain(metrics); (metrics[0].Explanation != "") != told {
				t.Errorf("%s %+v %% with %s %v → %v: %q", row.name, row.change, counter, *row.a, *row.b, metrics[0].Explanation)
			}
		}
	}
}

// What may be no change at all has no causes.
func TestNoCausesOfWhatMayBeNoChange(t *testing.T) {
	one, two, change := 1.0, 2.0, -20.0
	for _, row := range []struct {
		interval [2]float64
		told     bool
	}{{[2]float64{-30, -10}, true}, {[2]float64{-50, 40}, false}, {[2]float64{10, 40}, true}, {[2]float64{-20, 0}, false}} {
		metrics := []results.MetricChange{
			{Name: P50, ChangePct: &change, IntervalPct: &row.interval},
			{Name: CallsPrefix + "recvfrom", A: &two, B: &one},
		}
		if Explain(metrics); (metrics[0].Explanation != "") != row.told {
			t.Errorf("%v: %q", row.interval, metrics[0].Explanation)
		}
	}
}

func TestAMetricThatFewQuadsHaveIsNoGate(t *testing.T) {
	var quads []Quad
	for i := range 12 {
		q := Quad{A: Figures{P50: 100}, B: Figures{P50: 100}}
		if i < 3 {
			q.A[P99], q.B[P99] = 200, 400
		}
		quads = append(quads, q)
	}
	metrics := Quads(quads, locateByTest)
	missing := Judge(metrics, Gates(QuadMargin))
	if !slices.Contains(missing, P99) || !slices.Contains(missing, Throughput) {
		t.Errorf("missing gates: %v", missing)
	}
	if v, reason := Sum(metrics); v != results.Pass {
		t.Errorf("%s: %s", v, reason)
	}
}
