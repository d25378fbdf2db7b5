// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// segment is a stretch of a run in which the rate goes from one value to
// another in a straight line.
type segment struct {
	from, to float64 // requests per second
	length   float64 // seconds; +Inf for the last
}

// count is the number of requests due in the first t seconds of s.
//
//go:nosplit
func (s *segment) count(t float64) float64 {
	if s.from == s.to {
		return s.from * t
	}
	return s.from*t + (s.to-s.from)*t*t/(2*s.length)
}

// when is the inverse of count: seconds into s at which n requests were due.
//
//go:nosplit
func (s *segment) when(n float64) float64 {
	if s.from == s.to {
		return n / s.from
	}
	// Solve slope/2·t² + from·t − n = 0; this form of the root is stable for
	// small slopes and for a ramp that starts at 0.
	slope := (s.to - s.from) / s.length
	root := math.Sqrt(max(0, s.from*s.from+2*slope*n))
	return 2 * n / (s.from + root)
}

// Rate is the number of requests per second as a function of time since the
// measured part began: a number, a ramp, steps, or none at all (closed loop).
type Rate struct {
	segments []segment
}

// Closed is true for --rate max: the answers drive the requests.
func (r Rate) Closed() bool { return len(r.segments) == 0 }

// Flat is true when the rate never changes.
func (r Rate) Flat() bool { return len(r.segments) == 1 && r.segments[0].from == r.segments[0].to }

// Count is the number of requests due in the first d of the run.
func (r Rate) Count(d time.Duration) float64 {
	left, n := d.Seconds(), 0.0
	for i := range r.segments {
		s := &r.segments[i]
		if left <= s.length {
			return n + s.count(left)
		}
		n += s.count(s.length)
		left -= s.length
	}
	return n
}

// ParseRate reads a rate: "max", "5000", a ramp "1000..20000/60s", or steps
// "1000,2000,5000@10s". After a ramp or the last step the last rate holds.
func ParseRate(s string) (Rate, error) {
	switch {
	case s == "max":
		return Rate{}, nil
	case strings.Contains(s, ".."):
		return parseRamp(s)
	case strings.Contains(s, "@"), strings.Contains(s, ","):
		return parseSteps(s)
	}
	v, err := parseRPS(s)
	if err != nil {
		return Rate{}, err
	}
	return Rate{[]segment{steady(v)}}, nil
}

func steady(v float64) segment { return segment{v, v, math.Inf(1)} }

func parseRamp(s string) (Rate, error) {
	ends, length, ok := strings.Cut(s, "/")
	from, to, _ := strings.Cut(ends, "..")
	if !ok {
		return Rate{}, fmt.Errorf("the ramp %q lacks its length: say 1000..20000/60s", s)
	}
	a, errA := parseRPS(from)
	b, errB := parseRPS(to)
	d, errD := parseLength(length)
	if err := first(errA, errB, errD); err != nil {
		return Rate{}, err
	}
	return Rate{[]segment{{a, b, d.Seconds()}, steady(b)}}, nil
}

func parseSteps(s string) (Rate, error) {
	list, length, ok := strings.Cut(s, "@")
	if !ok {
		return Rate{}, fmt.Errorf("the steps %q lack their length: say 1000,2000,5000@10s", s)
	}
	d, err := parseLength(length)
	if err != nil {
		return Rate{}, err
	}
	var r Rate
	for word := range strings.SplitSeq(list, ",") {
		v, err := parseRPS(word)
		if err != nil {
			return Rate{}, err
		}
		r.segments = append(r.segments, segment{v, v, d.Seconds()})
	}
	r.segments[len(r.segments)-1].length = math.Inf(1)
	return r, nil
}

func parseRPS(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0 && v <= MaxRate) {
		return 0, fmt.Errorf("%q is not a rate: say max, or requests per second above 0 and up to %d", s, MaxRate)
	}
	return v, nil
}

func parseLength(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a length of time above 0: say 10s or 500ms", s)
	}
	return d, nil
}

// first returns the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
