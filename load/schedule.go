// SPDX-License-Identifier: Apache-2.0

package load

import "math"

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
// rate, arrivals and seed give the same times, with every build of this program.
type Schedule struct {
	segments []segment
	poisson  bool
	random   uint64  // state of splitmix64 (Steele, Lea, Flood 2014)
	arrived  float64 // arrivals so far, in units of rate 1
	segment  int     // the segment that arrived lies in
	before   float64 // arrivals before that segment
	start    float64 // seconds before that segment
}

// NewSchedule returns the schedule of an open loop; rate must not be closed.
func NewSchedule(rate Rate, arrivals string, seed uint64) *Schedule {
	return &Schedule{segments: rate.segments, poisson: arrivals == ArrivalsPoisson, random: seed}
}

// Next returns the due time of the next request, in ns since the origin. It
// never decreases and never allocates.
//
//go:nosplit
func (s *Schedule) Next() int64 {
	gap := 1.0
	if s.poisson {
		gap = -math.Log(s.uniform())
	}
	s.arrived += gap
	seg := &s.segments[s.segment]
	for s.segment < len(s.segments)-1 {
		n := seg.count(seg.length)
		if s.arrived-s.before <= n {
			break
		}
		s.before += n
		s.start += seg.length
		s.segment++
		seg = &s.segments[s.segment]
	}
	return int64((s.start + seg.when(s.arrived-s.before)) * 1e9)
}

// uniform is the next random number of (0, 1]: 53 bits of splitmix64.
//
//go:nosplit
func (s *Schedule) uniform() float64 {
	s.random += 0x9e3779b97f4a7c15
	z := s.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11+1) / (1 << 53)
}
