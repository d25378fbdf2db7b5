// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// world is a machine that is made up: how a quad's figures vary, and by how much B
// is slower than A in truth.
type world struct {
	slowdown float64 // B over A
	start    float64 // deviation of the log from one start of a program to the next
	slice    float64 // and from one slice to the next
	tail     float64 // by which p99 varies more than the rest
}

func (w world) quads(rng *rand.Rand, n, nulls int) []Quad {
	draw := func(truth float64) Figures {
		common := w.start * rng.NormFloat64()
		figure := func(base, spread float64) float64 {
			return base * truth * math.Exp(common+spread*w.slice*rng.NormFloat64())
		}
		return Figures{P50: figure(200e3, 1), P99: figure(900e3, w.tail), CPUPerRequest: figure(20e3, 0.5), Syscalls: 4}
	}
	var out []Quad
	for _, order := range Layout(n, nulls, rng.Uint64()) {
		q := Quad{Null: IsNull(order), A: draw(1), B: draw(w.slowdown)}
		if q.Null {
			q.B = draw(1)
		}
		out = append(out, q)
	}
	return out
}

// tallies counts what many comparisons came to.
type tallies struct {
	verdicts map[results.Verdict]int
	covered  map[string]int
	most     int // quads that an inconclusive one asked for
}

func (w world) compare(runs, quads, nulls int, seed uint64) tallies {
	rng := rand.New(rand.NewPCG(seed, 1))
	t := tallies{verdicts: map[results.Verdict]int{}, covered: map[string]int{}}
	for range runs {
		metrics := Quads(w.quads(rng, quads, nulls), locateByTest)
		Judge(metrics, Gates(QuadMargin))
		v, _ := Sum(metrics)
		t.verdicts[v]++
		truth := pct(math.Log(w.slowdown))
		for _, m := range metrics {
			if m.IntervalPct != nil && m.IntervalPct[0] <= truth && truth <= m.IntervalPct[1] {
				t.covered[m.Name]++
			}
			if m.QuadsToSettle != nil {
				t.most = max(t.most, *m.QuadsToSettle)
			}
		}
	}
	return t
}

var machines = map[string]world{
	"quiet": {start: 0.005, slice: 0.01, tail: 3},
	"noisy": {start: 0.02, slice: 0.04, tail: 4},
}

func TestSameBuildsAreCalledTheSame(t *testing.T) {
	const runs = 400
	for name, w := range machines {
		t.Run(name, func(t *testing.T) {
			w.slowdown = 1
			got := w.compare(runs, 12, 4, 11)
			if n := got.verdicts[results.Regression] + got.verdicts[results.Improved]; n > runs*5/100 {
				t.Errorf("%d of %d comparisons of a build with itself call a difference: %v", n, runs, got.verdicts)
			}
			if name == "quiet" && got.verdicts[results.Regression] > runs*2/100 {
				t.Errorf("%d of %d are regressions beyond the margin", got.verdicts[results.Regression], runs)
			}
		})
	}
}

func TestIntervalsCoverTheTruth(t *testing.T) {
	const runs = 400
	for name, w := range machines {
		for _, slowdown := range []float64{0.8, 1, 1.05, 1.2} {
			w.slowdown = slowdown
			got := w.compare(runs, 12, 4, 12)
			for _, metric := range []string{P50, P99, CPUPerRequest} {
				if n := got.covered[metric]; n < runs*92/100 {
					t.Errorf("%s machine, B takes %v: %s's interval covers it in %d of %d", name, slowdown, metric, n, runs)
				}
			}
		}
	}
}

func TestInjectedChangesAreFound(t *testing.T) {
	const runs = 200
	for _, c := range []struct {
		machine  string
		slowdown float64
		want     results.Verdict // in nearly all
		never    []results.Verdict
	}{
		{"quiet", 1.20, results.Regression, []results.Verdict{results.Pass, results.Improved}},
		{"noisy", 1.20, results.Regression, []results.Verdict{results.Pass, results.Improved}},
		{"quiet", 1.05, results.Regression, []results.Verdict{results.Pass, results.Improved}},
		{"noisy", 1.05, "", []results.Verdict{results.Pass, results.Improved}},
		{"quiet", 0.80, results.Improved, []results.Verdict{results.Regression}},
	} {
		w := machines[c.machine]
		w.slowdown = c.slowdown
		got := w.compare(runs, 12, 4, 13)
		if c.want != "" && got.verdicts[c.want] < runs*98/100 {
			t.Errorf("%s machine, B takes %v: %v, want %s in nearly all", c.machine, c.slowdown, got.verdicts, c.want)
		}
		for _, v := range c.never {
			if got.verdicts[v] > 0 {
				t.Errorf("%s machine, B takes %v: %d of %d are called %s", c.machine, c.slowdown, got.verdicts[v], runs, v)
			}
		}
	}
}

// What an inconclusive comparison asks for settles it.
func TestTheNumberOfQuadsAskedForSettles(t *testing.T) {
	w := world{slowdown: 1.08, start: 0.03, slice: 0.05, tail: 1}
	rng := rand.New(rand.NewPCG(5, 5))
	asked, settled := 0, 0
	for range 300 {
		metrics := Quads(w.quads(rng, 12, 4), locateByTest)
		Judge(metrics, Gates(QuadMargin))
		n := 0
		for _, m := range metrics {
			if m.QuadsToSettle != nil {
				n = max(n, *m.QuadsToSettle)
			}
		}
		if n == 0 || n > 300 {
			continue
		}
		asked++
		metrics = Quads(w.quads(rng, n, 4), locateByTest)
		Judge(metrics, Gates(QuadMargin))
		if v, _ := Sum(metrics); v != results.Inconclusive {
			settled++
		}
	}
	if asked < 30 || settled < asked/2 {
		t.Errorf("of %d comparisons repeated with the quads they asked for, %d were settled", asked, settled)
	}
}

func TestFewerThanSixQuadsGiveNoVerdict(t *testing.T) {
	w := world{slowdown: 2, start: 0.001, slice: 0.001, tail: 1}
	for n := 1; n < 10; n++ {
		metrics := Quads(w.quads(rand.New(rand.NewPCG(1, 1)), n, 0), locateByTest)
		Judge(metrics, Gates(QuadMargin))
		v, reason := Sum(metrics)
		for _, m := range metrics {
			if n < LeastQuads && (m.Verdict != results.NoVerdict || m.IntervalPct != nil) {
				t.Errorf("%d quads: %s is called %s, with interval %v", n, m.Name, m.Verdict, m.IntervalPct)
			}
		}
		if n < LeastQuads && v != results.Inconclusive {
			t.Errorf("%d quads: %s (%s)", n, v, reason)
		}
		if n == 9 && v != results.Regression {
			t.Errorf("twice as slow in 9 quads is %s (%s)", v, reason)
		}
	}
}
