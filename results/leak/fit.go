// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"math"
	"slices"
)

const (
	stretches      = 12 // into which the fit is cut
	fewestStretch  = 6
	looksAStretch  = 2   // at least, or there are fewer stretches
	ahead          = 6   // the last 1/ahead of the requests only tell what was given back
	steadyShare    = 0.8 // of the stretches grow in a leak
	sureWithin     = 0.3 // of the pace is its interval's half, in a leak
	grows          = 0.2 // of the mean pace: a stretch that grows by less doesn't
	slower         = 0.6 // of the first half's pace: growth below slows down for sure
	perhapsSlower  = 0.85
	levelled       = 0.15 // of the first third's pace: growth below has come to its end
	goesOn         = 0.5  // of the expected growth must be in the end, too
	significance   = 2    // standard errors
	leastForRSS    = 32   // pages of growth that the RSS view takes seriously
	settledStretch = 2    // of the last third may grow by chance
)

// fit is the growth of the envelope over one range of requests.
type fit struct {
	width float64   // requests a stretch
	paces []float64 // bytes a request, one a stretch
	slope float64   // the median of the slopes between all pairs of ends (Theil 1950, Sen 1968)
	low   float64   // 95 % interval of slope
	high  float64
	bent  bool    // a logarithm fits better than a straight line
	tail  float64 // growth behind the range as a share of what slope foresees; 1 goes on
}

// fitRange fits the requests from..to of an envelope. ok is false where too few
// looks stand behind it.
func fitRange(env []Sample, from, to float64, grain float64) (f fit, ok bool) {
	looks := 0
	for _, s := range env {
		if float64(s.Requests) >= from && float64(s.Requests) <= to {
			looks++
		}
	}
	n := min(stretches, looks/looksAStretch)
	if n < fewestStretch || !(to > from) {
		return f, false
	}
	f.width = (to - from) / float64(n)
	ends := make([]float64, n+1)
	for i := range ends {
		ends[i] = at(env, from+float64(i)*f.width)
	}
	for i := range n {
		f.paces = append(f.paces, (ends[i+1]-ends[i])/f.width)
	}
	f.slope = medianSlope(thinned(env, from, to))
	// The mean pace of independent stretches is where a random walk drifts to: the
	// interval is wide where growth comes in leaps, and right for a straight line.
	mean, deviation := moments(f.paces)
	half := student975(n-1)*deviation/math.Sqrt(float64(n)) + math.Sqrt2*grain/(to-from)
	f.low, f.high = min(f.slope, mean-half), max(f.slope, mean+half)
	f.tail = tail(env, to, f.slope)
	f.bent = bent(ends, from-float64(env[0].Requests), f.width)
	return f, true
}

// tail compares what came behind the range with what the slope foresees: the
// least of the second half of the rest against the envelope at the range's end.
func tail(env []Sample, to, slope float64) float64 {
	last := env[len(env)-1]
	middle := (to + float64(last.Requests)) / 2
	expected := slope * (middle - to)
	if !(expected > 0) {
		return 0
	}
	return (at(env, middle) - at(env, to)) / expected
}

// bent says that a logarithm of the requests fits the values better than a straight
// line. So grows what is kept for the worst case so far, where the cases come at
// random: record values become rarer as 1/n.
func bent(values []float64, from, width float64) bool {
	straight, curved := make([]float64, len(values)), make([]float64, len(values))
	for i := range values {
		straight[i] = float64(i)
		curved[i] = math.Log(from + float64(i)*width)
	}
	return residue(curved, values) < residue(straight, values)
}

// residue is the sum of squares that a regression of y on x leaves.
func residue(x, y []float64) float64 {
	meanX, _ := moments(x)
	meanY, _ := moments(y)
	var xx, xy, yy float64
	for i := range x {
		xx += (x[i] - meanX) * (x[i] - meanX)
		xy += (x[i] - meanX) * (y[i] - meanY)
		yy += (y[i] - meanY) * (y[i] - meanY)
	}
	return yy - xy*xy/xx
}

// growing counts the stretches that grow.
func (f *fit) growing(paces []float64) int {
	mean, _ := moments(f.paces)
	n := 0
	for _, p := range paces {
		if p > 0 && p >= grows*mean {
			n++
		}
	}
	return n
}

// steady says that nearly all stretches grow.
func (f *fit) steady() bool {
	return float64(f.growing(f.paces)) >= steadyShare*float64(len(f.paces))
}

// sure says that the pace is known well: the stretches agree.
func (f *fit) sure() bool {
	return f.low >= (1-sureWithin)*f.slope && f.high <= (1+sureWithin)*f.slope
}

// slows says that the second half grows more slowly than the first.
func (f *fit) slows() bool {
	if f.bent {
		return true
	}
	half := len(f.paces) / 2
	first, firstSD := moments(f.paces[:half])
	second, secondSD := moments(f.paces[half:])
	if second < slower*first {
		return true
	}
	gap := math.Sqrt((firstSD*firstSD + secondSD*secondSD) / float64(half))
	return second < perhapsSlower*first && first-second > significance*gap
}

// stopped says that the last third hardly grows any more, or only by chance.
func (f *fit) stopped() bool {
	third := len(f.paces) / 3
	last := f.paces[len(f.paces)-third:]
	first, _ := moments(f.paces[:third])
	pace, _ := moments(last)
	if f.growing(f.paces) <= len(f.paces)/2 && f.growing(last) <= settledStretch {
		return true
	}
	return pace <= levelled*first
}

// mostPoints is how many looks the slope is taken through: the pairs are as many
// squared.
const mostPoints = 120

// thinned are the samples of a range, at most mostPoints, evenly taken.
func thinned(env []Sample, from, to float64) []Sample {
	var inside []Sample
	for _, s := range env {
		if float64(s.Requests) >= from && float64(s.Requests) <= to {
			inside = append(inside, s)
		}
	}
	step := (len(inside) + mostPoints - 1) / mostPoints
	var out []Sample
	for i := 0; i < len(inside); i += max(1, step) {
		out = append(out, inside[i])
	}
	return out
}

// medianSlope is the median of the slopes between all pairs of samples that are at
// least a third of the range apart: those of neighbours are mostly noise.
func medianSlope(points []Sample) float64 {
	if len(points) < 2 {
		return 0
	}
	apart := float64(points[len(points)-1].Requests-points[0].Requests) / 3
	var slopes []float64
	for i := range points {
		for j := i + 1; j < len(points); j++ {
			if dx := float64(points[j].Requests - points[i].Requests); dx > 0 && dx >= apart {
				slopes = append(slopes, float64(points[j].Bytes-points[i].Bytes)/dx)
			}
		}
	}
	slices.Sort(slopes)
	n := len(slopes)
	return (slopes[(n-1)/2] + slopes[n/2]) / 2
}

// lastPace is the mean pace of the last third.
func (f *fit) lastPace() float64 {
	pace, _ := moments(f.paces[len(f.paces)-len(f.paces)/3:])
	return pace
}

func moments(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v
	}
	mean /= float64(len(values))
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	if len(values) > 1 {
		deviation = math.Sqrt(deviation / float64(len(values)-1))
	}
	return mean, deviation
}

// student975 is the 97.5 % quantile of Student's t for 5 to 11 degrees of freedom.
func student975(freedom int) float64 {
	table := [...]float64{5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228, 11: 2.201}
	return table[min(max(freedom, 5), len(table)-1)]
}
