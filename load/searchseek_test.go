// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

var tenMs = []results.SearchLimit{{Metric: "p99", LimitNs: 10_000_000}}

// oracle answers probes of a server of some capacity; each takes its length.
func oracle(answer func(rate float64) string) func(ProbeOrder) (ProbeAnswer, error) {
	return func(p ProbeOrder) (ProbeAnswer, error) {
		return ProbeAnswer{Outcome: answer(p.Rate), Took: p.Warmup + p.Length}, nil
	}
}

func metBelow(capacity float64) func(float64) string {
	return func(rate float64) string {
		if rate < capacity {
			return results.ProbeMet
		}
		return results.ProbeMissed
	}
}

func TestSeekEnds(t *testing.T) {
	number := 0
	for name, c := range map[string]struct {
		answer func(rate float64) string
		budget time.Duration
		rate   float64 // 0: none is found
		bound  bool
		ended  string
	}{
		"when the interval is narrow": {metBelow(10_000), time.Hour, 10_000, false, "narrow enough"},
		"when the time is up":         {metBelow(10_000), 16 * time.Second, 10_000, false, "the time was up"},
		"when no rate is low enough":  {metBelow(0), time.Hour, 0, false, "however low"},
		"when no rate is too high":    {metBelow(math.Inf(1)), time.Hour, 16 * 8000, true, "however high"},
		"with the generator's limit": {func(rate float64) string {
			if rate < 9_000 {
				return results.ProbeMet
			}
			return results.ProbeLate
		}, time.Hour, 9_000, true, "narrow enough"},
		"although the generator was late once in a while": {func(rate float64) string {
			if number++; number%3 == 0 && rate > 9_000 {
				return results.ProbeLate
			}
			return metBelow(10_000)(rate)
		}, time.Hour, 10_000, false, "narrow enough"},
		"with a server that dies of too much": {func(rate float64) string {
			if rate < 9_000 {
				return results.ProbeMet
			}
			return results.ProbeDied
		}, time.Hour, 9_000, false, "narrow enough"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Seek(8000, tenMs, c.budget, oracle(c.answer))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got.EndedBy, c.ended) || got.LowerBound != c.bound {
				t.Errorf("ended because %q, a lower bound: %v", got.EndedBy, got.LowerBound)
			}
			if c.rate == 0 {
				if got.Rate != nil || got.Interval != nil {
					t.Errorf("found %v", *got.Rate)
				}
				return
			}
			if got.Rate == nil || math.Abs(math.Log(*got.Rate/c.rate)) > 0.5 {
				t.Fatalf("found %v, want about %v", got.Rate, c.rate)
			}
			if !c.bound && (got.Interval[0] > c.rate || got.Interval[1] < c.rate) {
				t.Errorf("the interval %v does not hold %v", got.Interval, c.rate)
			}
		})
	}
}

func TestSeekKeepsToItsTime(t *testing.T) {
	const budget = 20 * time.Second
	took := time.Duration(0)
	probe := oracle(metBelow(5000))
	_, err := Seek(8000, tenMs, budget, func(p ProbeOrder) (ProbeAnswer, error) {
		took += p.Warmup + p.Length
		return probe(p)
	})
	if err != nil || took > budget {
		t.Errorf("took %v of %v: %v", took, budget, err)
	}
}

func TestSeekSaysWhichTimeItNeeds(t *testing.T) {
	_, err := Seek(100, tenMs, 45*time.Second, oracle(metBelow(100)))
	if err == nil || !strings.Contains(err.Error(), "set --search-time to 2m34s") {
		t.Errorf("got %v", err)
	}
}

func TestSeekReturnsWhatItKnowsWithAProbesError(t *testing.T) {
	broken := errors.New("the server is gone")
	n := 0
	got, err := Seek(8000, tenMs, time.Hour, func(p ProbeOrder) (ProbeAnswer, error) {
		if n++; n > 6 {
			return ProbeAnswer{}, broken
		}
		return oracle(metBelow(10_000))(p)
	})
	if !errors.Is(err, broken) || got.Rate == nil || got.EndedBy != broken.Error() {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Answers that are wrong near the capacity more often than not, and one in
// thirty anywhere: the intervals still hold it.
func TestASearchBearsNoise(t *testing.T) {
	const capacity, seeds, spread = 10_000.0, 40, 0.02
	near, held := 0, 0
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 7))
		s := NewSearch(7000)
		for range 35 {
			rate := s.Next()
			met := random.Float64() < normal(math.Log(capacity/rate)/spread)
			if random.IntN(30) == 0 {
				met = !met
			}
			s.Observe(rate, met)
		}
		if v := s.Interval(); v[0] <= capacity && v[1] >= capacity {
			held++
		}
		if math.Abs(s.Next()/capacity-1) <= 0.05 {
			near++
		}
	}
	t.Logf("%d of %d within 5 %%, %d intervals hold the capacity", near, seeds, held)
	if near < seeds*95/100 || held < seeds*90/100 {
		t.Errorf("%d of %d within 5 %%, %d intervals hold the capacity", near, seeds, held)
	}
}

func TestParseLimits(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []results.SearchLimit
		err  string
	}{
		{in: "p99<10ms", want: tenMs},
		{in: " p99 <= 10ms ", want: tenMs},
		{in: "p50<500us,p99.9<1s", want: []results.SearchLimit{{Metric: "p50", LimitNs: 500_000}, {Metric: "p99_9", LimitNs: 1e9}}},
		{in: "", err: "is no limit: say p99<10ms"},
		{in: "p99>10ms", err: "is no limit"},
		{in: "p98<10ms", err: `"p98" is not a percentile`},
		{in: "p99<10", err: "not a length of time for p99"},
		{in: "p99<-1ms", err: "above 0"},
		{in: "p99<1h", err: "up to 2m0s"},
		{in: "p99<1ms,p99<2ms", err: "p99 is limited twice"},
		{in: "p99<10ms,", err: "is no limit"},
	} {
		got, err := ParseLimits(c.in)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %v, want …%s…", c.in, err, c.err)
			}
			continue
		}
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("%q: %v, %v", c.in, got, err)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%q: %v, want %v", c.in, got[i], c.want[i])
			}
		}
	}
}

func FuzzParseLimits(f *testing.F) {
	f.Add("p99<10ms")
	f.Add("p50<1us,p99_9<=2m")
	f.Add("p95<,<1s")
	f.Fuzz(func(t *testing.T, s string) {
		limits, err := ParseLimits(s)
		if (err == nil) == (len(limits) == 0) {
			t.Fatalf("%d limits, %v", len(limits), err)
		}
		for _, l := range limits {
			if l.Share() == 0 || l.LimitNs <= 0 {
				t.Errorf("%+v", l)
			}
		}
	})
}

func TestProbesAreAsLongAsTheirLimitsNeed(t *testing.T) {
	for name, c := range map[string]struct {
		rate   float64
		limits string
		want   time.Duration
	}{
		"a second at least":               {1e6, "p50<1ms", time.Second},
		"twenty beyond a percentile":      {1000, "p99<10ms", 2500 * time.Millisecond},
		"the rarest decides":              {1000, "p50<1ms,p99_9<1ms", 25 * time.Second},
		"a rate of nearly nothing: a day": {1e-9, "p99<10ms", 24 * time.Hour},
	} {
		limits, err := ParseLimits(c.limits)
		if err != nil {
			t.Fatal(err)
		}
		if got := ProbeLength(c.rate, limits).Round(time.Millisecond); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
