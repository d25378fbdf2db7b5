// SPDX-License-Identifier: Apache-2.0

package load

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// queue is a simulated server: one request after the other, each for service
// seconds, and latency more that no other request waits for.
type queue struct {
	service, latency float64
	arrivals         string
}

// probe simulates one probe as a search makes it, in slices of 250 ms.
func (q *queue) probe(limits []results.SearchLimit, seed *uint64) func(ProbeOrder) (ProbeAnswer, error) {
	return func(p ProbeOrder) (ProbeAnswer, error) {
		*seed++
		o := &Options{Rate: strconv.FormatFloat(p.Rate, 'f', -1, 64), Arrivals: cmp.Or(q.arrivals, ArrivalsPoisson), Seed: *seed}
		judge, err := NewJudge(o, limits, p.Length.Seconds())
		if err != nil {
			return ProbeAnswer{}, err
		}
		answers := q.answers(o, (p.Warmup + p.Length).Seconds())
		const origin, chunk = int64(1e12), int64(250e6)
		at, end := int64(0), int64(p.Warmup+p.Length)
		for at < end && !judge.Lost() {
			s := results.Slice{Mode: results.Warmup, Start: origin + at, End: origin + int64(p.Warmup)}
			if at >= int64(p.Warmup) {
				s.Mode, s.End = results.Bare, min(s.Start+chunk, origin+end)
			}
			answers = addAnswers(&s, origin, answers)
			judge.Add(&s)
			at = s.End - origin
		}
		outcome := results.ProbeMet
		if _, missed := judge.Missed(0); missed {
			outcome = results.ProbeMissed
		}
		return ProbeAnswer{Outcome: outcome, Took: time.Duration(at) + 100*time.Millisecond}, nil
	}
}

// answer is a request's due time and that of its answer, ns.
type answer struct{ due, done int64 }

// answers are all requests of a load, by due time; answers come in this order.
func (q *queue) answers(o *Options, length float64) []answer {
	rate, _ := ParseRate(o.Rate)
	schedule := NewSchedule(rate, o.Arrivals, o.Seed)
	var out []answer
	free := 0.0
	for {
		due := schedule.Next()
		now := float64(due) / 1e9
		if now > length {
			return out
		}
		free = max(free, now) + q.service
		out = append(out, answer{due, int64((free + q.latency) * 1e9)})
	}
}

// addAnswers fills a slice with the answers that came in it and returns the rest.
func addAnswers(s *results.Slice, origin int64, all []answer) []answer {
	n := 0
	for n < len(all) && origin+all[n].done < s.End {
		n++
	}
	slices.SortFunc(all[:n], func(a, b answer) int { return cmp.Compare(a.done-a.due, b.done-b.due) })
	var times results.Durations
	for _, a := range all[:n] {
		times.Append(a.done-a.due, 1)
	}
	s.Intervals = []results.Interval{{Start: s.Start, End: s.End, Counts: results.Counts{OK: int64(n)}, ResponseTime: times}}
	return all[n:]
}

// truth is the highest rate at which a long run of a queue meets the limit.
func (q *queue) truth(l results.SearchLimit) float64 {
	low, high := 0.0, 1/q.service
	for range 14 {
		rate := (low + high) / 2
		o := &Options{Rate: strconv.FormatFloat(rate, 'f', -1, 64), Arrivals: ArrivalsPoisson, Seed: 99}
		all := q.answers(o, 400_000/rate)
		above := 0
		for _, a := range all[len(all)/10:] {
			if a.done-a.due > l.LimitNs {
				above++
			}
		}
		if float64(above) > l.Share()*0.9*float64(len(all)) {
			high = rate
		} else {
			low = rate
		}
	}
	return low
}

// The server of known capacity: what the search finds has to be within 5 % of
// the truth, and its interval has to hold the truth, for 19 seeds of 20.
func TestASearchFindsTheCapacityOfAKnownServer(t *testing.T) {
	const seeds = 20
	for name, c := range map[string]struct {
		server queue
		limit  string
		truth  float64 // 0: simulated
		guess  float64 // times the truth
	}{
		"one request at a time, far from the limit": {server: queue{service: 400e-6}, limit: "p99<40ms", guess: 1},
		"one request at a time, near the limit":     {server: queue{service: 1e-3}, limit: "p99<10ms", guess: 1.3},
		"half of the requests":                      {server: queue{service: 500e-6}, limit: "p50<2ms", guess: 1.2},
		"a high percentile":                         {server: queue{service: 100e-6}, limit: "p99_9<5ms", guess: 1},
		"a hard capacity":                           {server: queue{service: 100e-6, latency: 1e-3, arrivals: ArrivalsConstant}, limit: "p95<5ms", truth: 10_000, guess: 1},
		"a guess far too low":                       {server: queue{service: 400e-6}, limit: "p99<40ms", guess: 0.2},
		"a guess far too high":                      {server: queue{service: 400e-6}, limit: "p99<40ms", guess: 6},
	} {
		t.Run(name, func(t *testing.T) {
			limits, err := ParseLimits(c.limit)
			if err != nil {
				t.Fatal(err)
			}
			truth := c.truth
			if truth == 0 {
				truth = c.server.truth(limits[0])
			}
			near, held, worst, probes := 0, 0, 0.0, 0
			for seed := range uint64(seeds) {
				number := seed * 1000
				probe := c.server.probe(limits, &number)
				got, err := Seek(truth*c.guess, limits, 45*time.Second, probe)
				if err != nil || got.Rate == nil {
					t.Fatalf("seed %d: %v, %+v", seed, err, got)
				}
				probes += int(number - seed*1000)
				off := math.Abs(*got.Rate/truth - 1)
				worst = max(worst, off)
				if off <= 0.05 {
					near++
				}
				if got.Interval[0] <= truth*1.02 && got.Interval[1] >= truth*0.98 {
					held++
				}
			}
			t.Logf("capacity %.0f/s: %d of %d within 5 %%, at worst %.1f %% off, %d intervals hold it, %.1f probes a search",
				truth, near, seeds, 100*worst, held, float64(probes)/seeds)
			if near < seeds*95/100 || held < seeds*90/100 {
				t.Errorf("%d of %d searches came within 5 %%, %d intervals hold the truth", near, seeds, held)
			}
		})
	}
}
