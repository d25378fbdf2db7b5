// SPDX-License-Identifier: Apache-2.0

package load

import "math"

// Search finds the highest rate that meets a limit from probes that can err: a
// short load near that rate meets the limit or misses it by chance.
//
// It is a probabilistic bisection (Horstein 1963; Waeber, Frazier and Henderson
// 2013, "Bisection search with noisy responses", SIAM J. Control Optim. 51(3)):
// it keeps a distribution over where the rate lies, probes at its median, and
// multiplies it by the likelihood of what the probe said. How likely a probe
// errs is not known beforehand and depends on the distance, so the likelihood
// is that of Watson and Pelli's QUEST (1983), a normal curve in the logarithm
// of the rate with a small share of answers that mean nothing, and the width of
// the curve is one more unknown that is summed over (Kontsevich and Tyler 1999).
//
// The prior is centred on a guess, such as what a closed loop reached, and
// falls off by a factor of e with each factor of e: a guess that is far off
// costs some probes more.
//
// A Search has no clock and no randomness. Its methods are for one goroutine.
type Search struct {
	guess  float64
	log    [widths][]float64 // of the weight of each rate of the grid, by width
	mass   []float64         // of each rate of the grid, the widths summed up
	met    int
	missed int
}

const (
	// The grid is of rates guess·2^-below to guess·2^above, gridStep apart in
	// the natural logarithm.
	below, above = 8, 4
	gridStep     = 0.0025
	// lapse is the share of probes taken to say anything, whatever the rate: a
	// pause of the machine fails a probe far below the limit.
	lapse = 0.03
	// widths of the curve: 0.4 % to 6.4 % of the rate, doubling.
	widths, narrowestCurve = 5, 0.004
	// trials is the least number of probes that met and of those that missed
	// before an interval counts as known.
	trials = 3
)

// NewSearch begins a search around guess, in requests per second, above 0.
func NewSearch(guess float64) *Search {
	s := &Search{guess: guess}
	n := int(math.Ceil((below + above) * math.Ln2 / gridStep))
	s.mass = make([]float64, n)
	for w := range s.log {
		s.log[w] = make([]float64, n)
		for i := range s.log[w] {
			s.log[w][i] = -math.Abs(s.offset(i))
		}
	}
	s.settle()
	return s
}

// offset is the logarithm of the grid's rate i over the guess.
func (s *Search) offset(i int) float64 { return float64(i)*gridStep - below*math.Ln2 }

// Next is the rate of the next probe: the median of what is known.
func (s *Search) Next() float64 { return s.quantile(0.5) }

// Observe takes the answer of a probe at rate.
func (s *Search) Observe(rate float64, met bool) {
	if met {
		s.met++
	} else {
		s.missed++
	}
	at := math.Log(rate / s.guess)
	for w := range s.log {
		width := narrowestCurve * float64(int(1)<<w)
		for i := range s.log[w] {
			p := lapse + (1-2*lapse)*normal((s.offset(i)-at)/width)
			if !met {
				p = 1 - p
			}
			s.log[w][i] += math.Log(p)
		}
	}
	s.settle()
}

// Interval holds the rate with a probability of 95 %, as far as the probes tell.
func (s *Search) Interval() [2]float64 {
	return [2]float64{s.quantile(0.025), s.quantile(0.975)}
}

// Settled says that the interval reaches no farther than share from the rate on
// either side, and that enough probes stand behind it.
func (s *Search) Settled(share float64) bool {
	v, rate := s.Interval(), s.Next()
	return s.met >= trials && s.missed >= trials && v[1] <= rate*(1+share) && v[0] >= rate*(1-share)
}

// Exhausted says that the rate lies at the low end of the grid or below it: no
// rate worth the name meets the limit.
func (s *Search) Exhausted() bool { return s.met == 0 && s.Next() < s.guess*math.Pow(2, 1-below) }

// Unbounded says that the rate lies at the high end of the grid or above it.
func (s *Search) Unbounded() bool { return s.missed == 0 && s.Next() > s.guess*math.Pow(2, above-0.5) }

// settle makes masses of the weights.
func (s *Search) settle() {
	most := math.Inf(-1)
	for w := range s.log {
		for _, v := range s.log[w] {
			most = max(most, v)
		}
	}
	sum := 0.0
	for i := range s.mass {
		s.mass[i] = 0
		for w := range s.log {
			s.mass[i] += math.Exp(s.log[w][i] - most)
		}
		sum += s.mass[i]
	}
	for i := range s.mass {
		s.mass[i] /= sum
	}
}

// quantile is the rate below which the share q of the distribution lies.
func (s *Search) quantile(q float64) float64 {
	sum := 0.0
	for i, m := range s.mass {
		if sum += m; sum >= q {
			// Within a cell of the grid the mass lies evenly.
			part := 1 - (sum-q)/m
			return s.guess * math.Exp(s.offset(i)+(part-0.5)*gridStep)
		}
	}
	return s.guess * math.Exp(s.offset(len(s.mass)-1))
}

// normal is the cumulative normal distribution. Most of a grid is far away.
func normal(z float64) float64 {
	switch {
	case z > 8:
		return 1
	case z < -8:
		return 0
	}
	return math.Erfc(-z/math.Sqrt2) / 2
}
