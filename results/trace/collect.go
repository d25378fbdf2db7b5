// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// Slowest is how many requests are drawn.
const Slowest = 10

// momentsMost bounds the samples that are kept of one request.
const momentsMost = 1000

// Request is a slow request and what was sampled of the threads that served it.
type Request struct {
	results.Joined
	Moments []results.Sample // by time; of TakenBy and SentBy, from Queued to the send's end
}

// Collector keeps the slowest requests of a run. The zero value is empty.
type Collector struct {
	slowest []Request // slowest first
}

// Add takes what a slice's join gave, and the slice's samples. It keeps nothing of
// either's memory.
func (c *Collector) Add(joined []results.Joined, samples []results.Sample) {
	first := len(c.slowest)
	c.slowest = slices.Grow(c.slowest, Slowest)
	for i := range joined {
		if len(c.slowest) == Slowest && joined[i].RoundTrip() <= c.slowest[Slowest-1].RoundTrip() {
			continue
		}
		if len(c.slowest) == Slowest {
			c.slowest = c.slowest[:Slowest-1]
		}
		c.insert(Request{Joined: joined[i]})
		first = 0
	}
	if first == len(c.slowest) {
		return
	}
	for i := range c.slowest {
		if r := &c.slowest[i]; r.Moments == nil {
			r.Moments = momentsOf(r, samples)
		}
	}
}

func (c *Collector) insert(r Request) {
	at, _ := slices.BinarySearchFunc(c.slowest, r, func(a, b Request) int { return cmp.Compare(b.RoundTrip(), a.RoundTrip()) })
	c.slowest = slices.Insert(c.slowest, at, r)
}

// momentsOf are the samples that lie in a request's time at the server. Never nil:
// a slice's samples are looked through once.
func momentsOf(r *Request, samples []results.Sample) []results.Sample {
	moments := []results.Sample{}
	end := max(r.Answered, r.Way.SendEnded)
	for _, s := range samples {
		if (s.Thread == r.TakenBy || s.Thread == r.SentBy) && s.At >= r.Queued && s.At < end && len(moments) < momentsMost {
			moments = append(moments, s)
		}
	}
	slices.SortStableFunc(moments, func(a, b results.Sample) int { return cmp.Compare(a.At, b.At) })
	return moments
}

// Requests are the slowest so far, slowest first.
func (c *Collector) Requests() []Request { return c.slowest }
