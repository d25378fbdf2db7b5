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

// Legs gathers the parts of joined requests, slice after slice. Use NewLegs.
type Legs struct {
	roundTrip, sendCall, queueWait, serviceTime, replyDelivery, residual exact
	identity                                                             int64
}

// NewLegs returns Legs that hold nothing.
func NewLegs() *Legs {
	return &Legs{newExact(), newExact(), newExact(), newExact(), newExact(), newExact(), 0}
}

// Add counts requests, in the form in which the join gives them. It allocates
// nothing.
func (l *Legs) Add(joined []results.Joined) {
	for i := range joined {
		j := &joined[i]
		l.roundTrip.record(j.RoundTrip())
		l.sendCall.record(j.SendCall())
		l.queueWait.record(j.QueueWait())
		l.serviceTime.record(j.ServiceTime())
		l.replyDelivery.record(j.ReplyDelivery())
		residual := j.Residual()
		l.residual.record(residual)
		if residual == 0 {
			l.identity++
		}
	}
}

// Result describes the legs, or is nil when nothing was added. Means, minima and
// maxima are exact, so the means of the four legs add up to that of the round
// trip but for the residual's.
func (l *Legs) Result() *results.Legs {
	if l.roundTrip.histogram.TotalCount() == 0 {
		return nil
	}
	return &results.Legs{
		RoundTrip:     l.roundTrip.distribution(),
		SendCall:      l.sendCall.distribution(),
		QueueWait:     l.queueWait.distribution(),
		ServiceTime:   l.serviceTime.distribution(),
		ReplyDelivery: l.replyDelivery.distribution(),
	}
}

// Residual describes by how much the identity of results.Joined.Residual is
// missed, over all requests; nil when nothing was added.
func (l *Legs) Residual() *results.Distribution { return l.residual.distribution() }

// Identity is the number of requests whose legs add up exactly.
func (l *Legs) Identity() int64 { return l.identity }
