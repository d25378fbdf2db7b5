// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math/rand/v2"
)

// Names of the arrival processes.
const (
	ArrivalsPoisson  = "poisson"
	ArrivalsConstant = "constant"
)

// Schedule says when each request of an open loop is due. It draws arrivals at
// rate 1 and maps them through the inverse of the cumulated rate, so that every
// due time is computed from the run's origin and nothing drifts: request k of
// a constant rate r stands at (k+1)/r, and the arrivals of a Poisson process
// have exponential gaps whatever shape the rate has.
//
// A Schedule is a value with its own source of randomness; two with the same
// rate, arrivals and seed give the same times.
type Schedule struct {
	rate    Rate
	random  *rand.Rand // nil: constant arrivals
	arrived float64    // arrivals so far, in units of rate 1
	segment int        // the segment that arrived lies in
	before  float64    // arrivals before that segment
	start   float64    // seconds before that segment
}

// NewSchedule returns the schedule of an open loop; rate must not be closed.
func NewSchedule(rate Rate, arrivals string, seed uint64) *Schedule {
	s := &Schedule{rate: rate}
	if arrivals == ArrivalsPoisson {
		s.random = rand.New(rand.NewPCG(seed, 0x6970_6370_726f_6265))
	}
	return s
}

// Next returns the due time of the next request, in ns since the origin. It
// never decreases and never allocates.
func (s *Schedule) Next() int64 {
	if s.random == nil {
		s.arrived++
	} else {
		s.arrived += s.random.ExpFloat64()
	}
	seg := s.rate.segments[s.segment]
	for s.arrived-s.before > seg.count(seg.length) && s.segment < len(s.rate.segments)-1 {
		s.before += seg.count(seg.length)
		s.start += seg.length
		s.segment++
		seg = s.rate.segments[s.segment]
	}
	return int64((s.start + seg.when(s.arrived-s.before)) * 1e9)
}
