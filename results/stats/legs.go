// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

// exact is a histogram beside the exact sum and ends of what it holds.
type exact struct {
	histogram *hdrhistogram.Histogram
	sum       int64
	min, max  int64
}

func newExact() exact {
	return exact{histogram: results.NewHistogram(), min: math.MaxInt64, max: math.MinInt64}
}

func (e *exact) record(v int64) {
	record(e.histogram, v, 1)
	e.sum += v
	e.min, e.max = min(e.min, v), max(e.max, v)
}

// distribution is Distribution with mean and ends that are not rounded to
// buckets; percentiles are, and don't lie beyond the ends.
func (e *exact) distribution() *results.Distribution {
	d := Distribution(e.histogram)
	if d == nil {
		return nil
	}
	d.Mean = float64(e.sum) / float64(d.Count)
	d.Min, d.Max = e.min, e.max
	for _, p := range []*int64{d.P50, d.P90, d.P95, d.P99, d.P999, d.P9999} {
		if p != nil {
			*p = max(e.min, min(*p, e.max))
		}
	}
	return d
}

// part names one duration of a joined request; ok is false where it is not
// known.
type part struct {
	of func(j *results.Joined) (ns int64, ok bool)
	to func(l *results.Legs) **results.Distribution
}

// parts are all that Legs describes, the whole and its legs first.
var parts = [...]part{
	whole((*results.Joined).RoundTrip, func(l *results.Legs) **results.Distribution { return &l.RoundTrip }),
	queued((*results.Joined).SendCall, true, func(l *results.Legs) **results.Distribution { return &l.SendCall }),
	queued((*results.Joined).QueueWait, true, func(l *results.Legs) **results.Distribution { return &l.QueueWait }),
	queued((*results.Joined).UntilTaken, false, func(l *results.Legs) **results.Distribution { return &l.UntilTaken }),
	whole((*results.Joined).ServiceTime, func(l *results.Legs) **results.Distribution { return &l.ServiceTime }),
	whole((*results.Joined).ReplyDelivery, func(l *results.Legs) **results.Distribution { return &l.ReplyDelivery }),

	service(func(s *results.ServiceSplit) int64 { return s.User }, func(l *results.Legs) **results.Distribution { return &l.ServiceOnCPUUser }),
	service(func(s *results.ServiceSplit) int64 { return s.Kernel }, func(l *results.Legs) **results.Distribution { return &l.ServiceOnCPUKernel }),
	service(func(s *results.ServiceSplit) int64 { return s.Blocked }, func(l *results.Legs) **results.Distribution { return &l.ServiceBlocked }),
	service(func(s *results.ServiceSplit) int64 { return s.RunQueue }, func(l *results.Legs) **results.Distribution { return &l.ServiceRunQueue }),
	service(func(s *results.ServiceSplit) int64 { return s.Upstream }, func(l *results.Legs) **results.Distribution { return &l.UpstreamWait }),

	queue(func(q *results.QueueSplit) int64 { return q.Busy }, func(l *results.Legs) **results.Distribution { return &l.QueueBusy }),
	queue(func(q *results.QueueSplit) int64 { return q.RunQueue }, func(l *results.Legs) **results.Distribution { return &l.QueueRunQueue }),
	queue(func(q *results.QueueSplit) int64 { return q.WakeUp }, func(l *results.Legs) **results.Distribution { return &l.QueueWakeUp }),

	delivery(func(d *results.DeliverySplit) int64 { return d.Sending }, func(l *results.Legs) **results.Distribution { return &l.DeliverySending }),
	delivery(func(d *results.DeliverySplit) int64 { return d.RunQueue }, func(l *results.Legs) **results.Distribution { return &l.DeliveryRunQueue }),
	delivery(func(d *results.DeliverySplit) int64 { return d.WakeUp }, func(l *results.Legs) **results.Distribution { return &l.DeliveryWakeUp }),
	delivery(func(d *results.DeliverySplit) int64 { return d.Busy }, func(l *results.Legs) **results.Distribution { return &l.DeliveryBusy }),
}

type placeOf = func(l *results.Legs) **results.Distribution

func whole(of func(*results.Joined) int64, to placeOf) part {
	return part{func(j *results.Joined) (int64, bool) { return of(j), true }, to}
}

// queued is a leg that is known where it was seen when the request was queued, or
// one that stands in for it where not.
func queued(of func(*results.Joined) int64, seen bool, to placeOf) part {
	return part{func(j *results.Joined) (int64, bool) { return of(j), j.QueueSeen() == seen }, to}
}

func service(of func(*results.ServiceSplit) int64, to placeOf) part {
	return part{func(j *results.Joined) (int64, bool) { return of(&j.Service), j.Service.Known }, to}
}

func queue(of func(*results.QueueSplit) int64, to placeOf) part {
	return part{func(j *results.Joined) (int64, bool) { return of(&j.Queue), j.Queue.Known }, to}
}

func delivery(of func(*results.DeliverySplit) int64, to placeOf) part {
	return part{func(j *results.Joined) (int64, bool) { return of(&j.Delivery), j.Delivery.Known }, to}
}

// Legs gathers the parts of joined requests, slice after slice. Use NewLegs.
type Legs struct {
	parts    [len(parts)]exact
	residual exact
	identity int64
}

// NewLegs returns Legs that hold nothing.
func NewLegs() *Legs {
	l := &Legs{residual: newExact()}
	for i := range l.parts {
		l.parts[i] = newExact()
	}
	return l
}

// Add counts requests, in the form in which the join gives them. It allocates
// nothing.
func (l *Legs) Add(joined []results.Joined) {
	for i := range joined {
		j := &joined[i]
		for k := range parts {
			if ns, ok := parts[k].of(j); ok {
				l.parts[k].record(ns)
			}
		}
		residual := j.Residual()
		l.residual.record(residual)
		if residual == 0 {
			l.identity++
		}
	}
}

// Result describes the legs, or is nil when nothing was added. Means, minima and
// maxima are exact, so the means of the four legs add up to that of the round
// trip but for the residual's, and those of a leg's parts to the leg's where all
// requests could be split.
func (l *Legs) Result() *results.Legs {
	if l.parts[0].histogram.TotalCount() == 0 {
		return nil
	}
	r := &results.Legs{}
	for k := range parts {
		*parts[k].to(r) = l.parts[k].distribution()
	}
	return r
}

// Residual describes by how much the identity of results.Joined.Residual is
// missed, over all requests; nil when nothing was added.
func (l *Legs) Residual() *results.Distribution { return l.residual.distribution() }

// Identity is the number of requests whose legs add up exactly.
func (l *Legs) Identity() int64 { return l.identity }
