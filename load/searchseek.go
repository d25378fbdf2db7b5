// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// enough is how near the interval's ends have to be for a search to end
	// before its time, as a share of the rate.
	enough = 0.015
	// leastProbes is how many probes have to fit into a search's time.
	leastProbes = 6
	// preparation is what a search takes before its first probe, at most.
	preparation = 4 * time.Second
	// lates is how many probes at one rate may be late before no more are made
	// as high.
	lates = 2
	// finest is the least overload that probes are made long enough to see.
	finest = 0.01
)

// ProbeOrder asks for one probe.
type ProbeOrder struct {
	Rate   float64       // requests per second
	Warmup time.Duration // not measured
	Length time.Duration // measured, unless a limit is lost before
}

// ProbeAnswer is what came of it: an outcome of results, and the time it took,
// with all that belongs to it.
type ProbeAnswer struct {
	Outcome string
	Took    time.Duration
}

// Sought is the end of a search.
type Sought struct {
	Rate       *float64 // nil: no probe met the limits
	Interval   *[2]float64
	LowerBound bool // the generator was late at every rate that missed just above
	EndedBy    string
}

// Seek searches for the highest rate that meets limits, for budget at most,
// around guess (see Search). probe makes one probe after the other; its error
// ends the search, which returns what is known with it.
//
// A probe in which the load generator was late is not held against the server:
// it is made once more, and after that the rate is a ceiling of the search. A
// ceiling below all rates at which the server missed makes the answer a lower
// bound.
func Seek(guess float64, limits []results.SearchLimit, budget time.Duration,
	probe func(ProbeOrder) (ProbeAnswer, error)) (Sought, error) {
	if needed := ProbeLength(guess, limits); needed > budget/leastProbes {
		return Sought{}, fmt.Errorf("at %.0f requests/s a probe needs %v to see enough requests above the limit: "+
			"set --search-time to %v or more, or search for a lower percentile",
			guess, needed.Round(time.Second/10), (leastProbes*needed).Round(time.Second)+preparation)
	}
	s := &seeker{search: NewSearch(guess), limits: limits, left: budget}
	err := s.run(probe)
	return s.sought(), err
}

// seeker is a search under way.
type seeker struct {
	search  *Search
	limits  []results.SearchLimit
	left    time.Duration
	late    int     // probes in a row
	ceiling float64 // lowest rate given up because the generator was late; 0: none
	lowest  float64 // lowest rate at which the server missed; 0: none
	endedBy string
}

func (s *seeker) run(probe func(ProbeOrder) (ProbeAnswer, error)) error {
	for {
		rate := s.search.Next()
		order := s.order(rate)
		switch {
		case s.search.Settled(enough):
			s.endedBy = "the interval is narrow enough"
		case s.search.Exhausted():
			s.endedBy = "no rate keeps the limits, however low"
		case s.search.Unbounded() || rate > MaxRate:
			s.endedBy = "every rate keeps the limits, however high"
		case order.Warmup+order.Length > s.left:
			s.endedBy = "the time was up"
		}
		if s.endedBy != "" {
			return nil
		}
		answer, err := probe(order)
		if err != nil {
			s.endedBy = err.Error()
			return err
		}
		s.left -= answer.Took
		s.take(order, answer.Outcome)
	}
}

// order is the next probe. It gets what its percentiles need, and beyond that the
// longer the nearer the search is to its end: an overload is seen when it is a
// quarter of the interval that is left, or 1 %, whichever is more.
func (s *seeker) order(rate float64) ProbeOrder {
	v := s.search.Interval()
	overload := max(finest, (v[1]/v[0]-1)/4)
	length := max(ProbeLength(rate, s.limits), min(seconds(s.longest()/overload), s.left/4))
	order := ProbeOrder{Warmup: min(warmup(rate, s.limits), length/4), Length: length}
	// Met or missed, it has to tell which side of the rate the answer is on.
	order.Rate = rate * (1 + s.unseen(order)/2)
	return order
}

// unseen is the overload below which a probe says nothing, as a share of its
// rate: while a server is overloaded its queue grows by the overload's share of
// the time, and what waits misses a limit once the queue is as long.
func (s *seeker) unseen(order ProbeOrder) float64 {
	return s.longest() / (order.Warmup + order.Length).Seconds()
}

// longest is the longest limit, in seconds.
func (s *seeker) longest() float64 {
	var longest int64
	for _, l := range s.limits {
		longest = max(longest, l.LimitNs)
	}
	return float64(longest) / 1e9
}

// take learns from an outcome. A probe that met its limits says nothing against
// an overload that it can't see, and is taken as met at a rate lower by that.
func (s *seeker) take(order ProbeOrder, outcome string) {
	rate := order.Rate
	switch outcome {
	case results.ProbeMet:
		s.search.Observe(rate/(1+s.unseen(order)), true)
	case results.ProbeLate:
		if s.late++; s.late < lates {
			return
		}
		s.search.Observe(rate, false)
		if s.ceiling == 0 || rate < s.ceiling {
			s.ceiling = rate
		}
	default:
		s.search.Observe(rate, false)
		if s.lowest == 0 || rate < s.lowest {
			s.lowest = rate
		}
	}
	s.late = 0
}

func (s *seeker) sought() Sought {
	out := Sought{EndedBy: s.endedBy}
	if s.search.met == 0 {
		return out
	}
	rate, interval := s.search.Next(), s.search.Interval()
	out.Rate, out.Interval = &rate, &interval
	out.LowerBound = s.search.missed == 0 || s.ceiling > 0 && (s.lowest == 0 || s.ceiling < s.lowest)
	return out
}
