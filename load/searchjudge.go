// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"math"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// Judge decides whether an open loop at one rate keeps within limits, from its
// slices as they come: first what is not measured, then what is.
//
// A limit p99<10ms says that one request in a hundred may take longer. A
// request that failed has taken longer, and so has one that is not answered
// although it was due for longer than the limit: how many those are follows
// from the schedule, which is drawn here once more, and from the number of
// requests that have ended. Without them a server that falls behind would be
// judged by the requests it got to.
type Judge struct {
	limits   []results.SearchLimit
	planned  float64 // requests of the measured part
	schedule *Schedule
	due      []int64           // of the requests since the load began, ns after origin; those that ended are dropped
	next     int64             // the next due time of the schedule
	origin   int64             // stamp at which the load began
	dueCount int64             // requests of the schedule that are due
	ended    int64             // requests that ended since the load began
	before   int64             // of them, before the measured part
	at       int64             // stamp up to which is known what ended
	times    results.Durations // of the good answers to requests that began in the measured part
	failed   int64
}

// NewJudge begins to judge a load of options o, whose rate is not max, with a
// measured part of so many seconds.
func NewJudge(o *Options, limits []results.SearchLimit, measured float64) (*Judge, error) {
	rate, err := ParseRate(o.Rate)
	if err != nil {
		return nil, err
	}
	if !rate.Flat() {
		return nil, fmt.Errorf("judge a load: its rate %q is not one number", o.Rate)
	}
	j := &Judge{
		limits: limits, planned: rate.segments[0].from * measured,
		schedule: NewSchedule(rate, o.Arrivals, o.Seed),
	}
	j.next = j.schedule.Next()
	return j, nil
}

// Add takes the next slice. Slices have to follow each other without a gap.
func (j *Judge) Add(s *results.Slice) {
	if j.origin == 0 {
		j.origin = s.Start
	}
	c := s.Counts()
	j.ended += c.OK + c.Failed()
	j.at = s.End
	for j.next <= s.End-j.origin {
		j.due = append(j.due, j.next)
		j.dueCount++
		j.next = j.schedule.Next()
	}
	// Answers come nearly in the order of the requests; of those that have not
	// ended the last are kept.
	if over := int64(len(j.due)) - j.Unanswered(); over > 0 {
		j.due = append(j.due[:0], j.due[over:]...)
	}
	if s.Mode != results.Bare {
		j.before = j.ended
		return
	}
	j.failed += c.Failed()
	for i := range s.Intervals {
		j.times.Merge(s.Intervals[i].ResponseTime)
	}
}

// Limited says that there is a limit to judge by.
func (j *Judge) Limited() bool { return len(j.limits) > 0 }

// Unanswered is how many requests are due and have not ended.
func (j *Judge) Unanswered() int64 { return max(0, j.dueCount-j.ended) }

// Failed is how many requests of the measured part failed.
func (j *Judge) Failed() int64 { return j.failed }

// overdue is how many requests have waited for longer than limit.
func (j *Judge) overdue(limit int64) int64 {
	var n int64
	for _, due := range j.due {
		if j.at-j.origin-due <= limit {
			break
		}
		n++
	}
	return n
}

// above is how many requests took longer than limit, and of how many.
func (j *Judge) above(limit int64) (above, of int64) {
	late := j.overdue(limit)
	return j.times.Above(limit) + j.failed + late, j.times.Total() + j.failed + late
}

// Missed is the limit that is missed the most, and whether there is one. Each
// limit is taken to be longer by allowance: the p99 of the time by which the
// load generator itself was late tells whether it was the server that missed.
func (j *Judge) Missed(allowance time.Duration) (limit results.SearchLimit, missed bool) {
	most := 1.0
	for _, l := range j.limits {
		above, of := j.above(l.LimitNs + allowance.Nanoseconds())
		if excess := float64(above) / (l.Share() * float64(max(1, of))); excess > most {
			most, limit, missed = excess, l, true
		}
	}
	return limit, missed
}

// Lost says that a limit will be missed whatever the rest of the measured part
// brings: more requests are above it than all that are to come may be.
func (j *Judge) Lost() bool {
	for _, l := range j.limits {
		above, of := j.above(l.LimitNs)
		all := max(float64(of), j.planned+4*math.Sqrt(j.planned))
		if float64(above) > l.Share()*all {
			return true
		}
	}
	return false
}

// Requests is how many requests were judged: those answered or failed in the
// measured part, and those overdue at its end.
func (j *Judge) Requests() int64 {
	n := j.times.Total() + j.failed
	for _, l := range j.limits {
		_, of := j.above(l.LimitNs)
		n = max(n, of)
	}
	return n
}
