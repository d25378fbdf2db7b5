// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	fineNs   = 100_000_000   // an interval, ns
	coarseNs = 1_000_000_000 // an interval behind the first minute
	fineEnd  = 600           // intervals of the first minute
	openMost = 8             // intervals of a slice that are counted at once
	longest  = 7 * 24 * 3600 * coarseNs
)

// counter makes slices of requests.
type counter struct {
	kinds int
	list  []*counted
	// between are requests that ended outside of slices, until it is known when
	// the slice before has ended: they may have begun in it.
	between []waiting
	// answered is when the latest request of each connection was; nil in a closed
	// loop.
	answered map[uint32]int64
}

type waiting struct {
	request results.Request
	alone   bool
}

// counted is one slice as it is counted.
type counted struct {
	slice  results.Slice
	open   map[int64]*cell
	closed map[int64]*results.Interval
	kinds  []kindCell
}

// cell is an interval as it is counted.
type cell struct {
	counts              results.Counts
	out, in             int64
	response, trip, lag durations
	alone               durations
}

type kindCell struct {
	counts         results.Counts
	response, trip durations
}

// durations counts by the middle of a histogram's bucket.
type durations map[int64]int64

func (d *durations) add(ns int64) {
	if *d == nil {
		*d = durations{}
	}
	(*d)[bucket(ns)]++
}

func (d durations) sealed() results.Durations {
	var out results.Durations
	for _, v := range slices.Sorted(maps.Keys(d)) {
		out.Append(v, d[v])
	}
	return out
}

// bucket is the middle of the bucket of results.NewHistogram that ns lies in:
// eleven bits are kept.
func bucket(ns int64) int64 {
	ns = max(0, min(ns, results.HistogramMax))
	shift := max(0, bits.Len64(uint64(ns))-11)
	return ns>>shift<<shift + int64(1)<<shift/2
}

// slice notes that a slice has begun, or ended.
func (c *counter) slice(s *results.Slice) error {
	if s.Start < 0 || s.End != 0 && (s.End < s.Start || s.End-s.Start > longest) {
		return fmt.Errorf("slice %d lasts from %d to %d", s.Index, s.Start, s.End)
	}
	for _, known := range c.list {
		if known.slice.Index == s.Index {
			known.slice = *s
			if s.End != 0 {
				c.place()
			}
			return nil
		}
	}
	if len(c.list) == maxSlices {
		return fmt.Errorf("more than %d slices", maxSlices)
	}
	one := &counted{slice: *s, open: map[int64]*cell{}, closed: map[int64]*results.Interval{}}
	if c.kinds > 1 {
		one.kinds = make([]kindCell, c.kinds)
	}
	c.list = append(c.list, one)
	return nil
}

// find is the slice of an index; the latest ones are asked for.
func (c *counter) find(index int) *counted {
	for i := len(c.list) - 1; i >= 0; i-- {
		if c.list[i].slice.Index == index {
			return c.list[i]
		}
	}
	return nil
}

// request counts r: as sent where it was sent, its outcome in the slice in which
// it ended, its times in the one in which it began.
func (c *counter) request(in int, r *results.Request) error {
	if r.Outcome > results.Censored {
		return fmt.Errorf("a request with outcome %d", r.Outcome)
	}
	if c.kinds > 0 && int(r.Kind) >= c.kinds {
		return fmt.Errorf("a request of kind %d, but there are %d", r.Kind, c.kinds)
	}
	alone := c.alone(r)
	if in == outside {
		c.between = append(c.between, waiting{*r, alone})
		return nil
	}
	s := c.find(in)
	if s == nil {
		return fmt.Errorf("a request of slice %d, which has not begun", in)
	}
	c.began(r, alone)
	s.ended(r)
	return nil
}

// began counts what belongs to the slice in which r was sent, and was due.
func (c *counter) began(r *results.Request, alone bool) {
	if s := c.during(r.Sent); s != nil {
		s.sent(r)
	}
	if s := c.during(r.Intended); s != nil && r.Outcome == results.OK {
		s.timed(r, alone)
	}
}

// alone says that nothing else was owed on r's connection when r was sent, of an
// open loop. The requests of a connection come in their order. When the late
// answer to one came that had timed out isn't known; the next is not alone.
func (c *counter) alone(r *results.Request) bool {
	if c.answered == nil {
		return false
	}
	alone := c.answered[r.Conn] <= r.Sent
	c.answered[r.Conn] = math.MaxInt64
	if r.Outcome == results.OK || r.Outcome == results.ErrorAnswer {
		c.answered[r.Conn] = r.Received
	}
	return alone
}

// place counts the requests that ended between slices.
func (c *counter) place() {
	for i := range c.between {
		c.began(&c.between[i].request, c.between[i].alone)
	}
	c.between = c.between[:0]
}

// during is the slice that was open at a stamp, of the latest ones.
func (c *counter) during(stamp int64) *counted {
	const looks = 4
	for i := len(c.list) - 1; i >= max(0, len(c.list)-looks); i-- {
		if s := c.list[i]; stamp >= s.slice.Start && (s.slice.End == 0 || stamp < s.slice.End) {
			return s
		}
	}
	return nil
}

func (s *counted) sent(r *results.Request) {
	at := s.at(r.Sent)
	at.counts.Sent++
	at.out += int64(r.OutLen)
	if s.kinds != nil {
		s.kinds[r.Kind].counts.Sent++
	}
}

func (s *counted) ended(r *results.Request) {
	stamp := r.Received
	if stamp == 0 {
		stamp = r.Sent
	}
	at := s.at(stamp)
	countOutcome(&at.counts, r.Outcome)
	at.in += int64(r.InLen)
	if s.kinds != nil {
		countOutcome(&s.kinds[r.Kind].counts, r.Outcome)
	}
}

// timed counts the times of a good answer: in the interval in which it came, or
// the slice's last one.
func (s *counted) timed(r *results.Request, alone bool) {
	at := s.at(r.Received)
	at.response.add(r.ResponseTime())
	at.trip.add(r.RoundTrip())
	at.lag.add(r.SendLag())
	if alone {
		at.alone.add(r.RoundTrip())
	}
	if s.kinds != nil {
		s.kinds[r.Kind].response.add(r.ResponseTime())
		s.kinds[r.Kind].trip.add(r.RoundTrip())
	}
}

func countOutcome(c *results.Counts, o results.Outcome) {
	switch o {
	case results.OK:
		c.OK++
	case results.ErrorAnswer:
		c.Error++
	case results.Timeout:
		c.Timeout++
	case results.Broken:
		c.Broken++
	default:
		c.Censored++
	}
}

// at is the interval that a stamp lies in: numbered by tenths of a second in the
// first minute, by seconds behind it.
func (s *counted) at(stamp int64) *cell {
	last := s.slice.Start + longest
	if s.slice.End != 0 {
		last = s.slice.End
	}
	n := (max(s.slice.Start, min(stamp, last)) - s.slice.Start) / fineNs
	if n >= fineEnd {
		n -= n % (coarseNs / fineNs)
	}
	if found := s.open[n]; found != nil {
		return found
	}
	if len(s.open) >= openMost {
		s.close(slices.Min(slices.Collect(maps.Keys(s.open))))
	}
	made := &cell{}
	s.open[n] = made
	return made
}

// close seals an interval. Records of several threads are not in order, so it may
// be opened again: then both are added.
func (s *counted) close(n int64) {
	c := s.open[n]
	delete(s.open, n)
	v := s.interval(n)
	v.Counts, v.BytesOut, v.BytesIn = c.counts, c.out, c.in
	v.ResponseTime, v.RoundTrip, v.SendLag = c.response.sealed(), c.trip.sealed(), c.lag.sealed()
	v.ClosedLoop = c.alone.sealed()
	if old := s.closed[n]; old != nil {
		old.Merge(v)
		return
	}
	s.closed[n] = v
}

// interval is the empty interval of a number.
func (s *counted) interval(n int64) *results.Interval {
	from := s.slice.Start + n*fineNs
	return &results.Interval{Slice: s.slice.Index, Start: from, End: from + step(n)*fineNs}
}

// step is from the number of an interval to that of the next.
func step(n int64) int64 {
	if n < fineEnd {
		return 1
	}
	return coarseNs / fineNs
}

// finish returns the slices in their order. One that never ended lasts until its
// last answer. Intervals in which nothing happened are intervals too, but a file of
// some bytes must not ask for millions of them.
func (c *counter) finish() []results.Slice {
	var out []results.Slice
	const fillMost = 10_000
	filled := 0
	c.place()
	for _, s := range c.list {
		for n := range s.open {
			s.close(n)
		}
		next := int64(0)
		for _, n := range append(slices.Sorted(maps.Keys(s.closed)), (s.slice.End-s.slice.Start)/fineNs) {
			for ; next < n && filled < fillMost; next += step(next) {
				s.slice.Intervals = append(s.slice.Intervals, *s.interval(next))
				filled++
			}
			if v := s.closed[n]; v != nil && next <= n {
				s.slice.Intervals = append(s.slice.Intervals, *v)
				next = n + step(n)
			}
		}
		if last := len(s.slice.Intervals) - 1; last >= 0 {
			end := &s.slice.Intervals[last].End
			if s.slice.End == 0 {
				s.slice.End = *end
			}
			*end = min(*end, s.slice.End)
		}
		for i := range s.kinds {
			k := &s.kinds[i]
			s.slice.Kinds = append(s.slice.Kinds, results.KindCounts{
				Counts: k.counts, ResponseTime: k.response.sealed(), RoundTrip: k.trip.sealed(),
			})
		}
		out = append(out, s.slice)
	}
	slices.SortStableFunc(out, func(a, b results.Slice) int { return a.Index - b.Index })
	return out
}
