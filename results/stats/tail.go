// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// slowestKept bounds the requests that Tail keeps (some 200 bytes each). Where
// one in a hundred is more than that, the slowest of them stand for all.
const slowestKept = 50_000

// exemplars is how many of the slowest requests a result tells in full.
const exemplars = 10

// Tail gathers the slowest joined requests, slice after slice. Use NewTail.
type Tail struct {
	slowest byTrip
	count   int64
}

// NewTail returns a Tail that holds nothing.
func NewTail() *Tail { return &Tail{} }

// byTrip is a heap with the fastest of the slowest on top.
type byTrip []results.Joined

func (h byTrip) Len() int           { return len(h) }
func (h byTrip) Less(i, j int) bool { return h[i].RoundTrip() < h[j].RoundTrip() }
func (h byTrip) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byTrip) Push(x any)        { *h = append(*h, x.(results.Joined)) }
func (h *byTrip) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// Add takes what a slice's join gave.
func (t *Tail) Add(joined []results.Joined) {
	t.count += int64(len(joined))
	for i := range joined {
		switch {
		case len(t.slowest) < slowestKept:
			heap.Push(&t.slowest, joined[i])
		case joined[i].RoundTrip() > t.slowest[0].RoundTrip():
			t.slowest[0] = joined[i]
			heap.Fix(&t.slowest, 0)
		}
	}
}

// leaf is a part of the round trip that has no parts that are told apart.
type leaf struct {
	name   string
	of     func(j *results.Joined) (int64, bool)
	median func(l *results.Legs) *results.Distribution
}

// leaves are the parts that add up to the round trip. A leg that could not be
// split for a request goes to the leg's own name.
var leaves = [...]leaf{
	{"send call", func(j *results.Joined) (int64, bool) { return j.SendCall(), j.QueueSeen() },
		func(l *results.Legs) *results.Distribution { return l.SendCall }},
	{"queue wait", func(j *results.Joined) (int64, bool) { return j.QueueWait(), j.QueueSeen() && !j.Queue.Known },
		func(l *results.Legs) *results.Distribution { return l.QueueWait }},
	{"until taken", func(j *results.Joined) (int64, bool) { return j.UntilTaken(), !j.QueueSeen() },
		func(l *results.Legs) *results.Distribution { return l.UntilTaken }},
	{"queue wait, server busy", func(j *results.Joined) (int64, bool) { return j.Queue.Busy, j.Queue.Known },
		func(l *results.Legs) *results.Distribution { return l.QueueBusy }},
	{"queue wait, run queue", func(j *results.Joined) (int64, bool) { return j.Queue.RunQueue, j.Queue.Known },
		func(l *results.Legs) *results.Distribution { return l.QueueRunQueue }},
	{"queue wait, wake-up", func(j *results.Joined) (int64, bool) { return j.Queue.WakeUp, j.Queue.Known },
		func(l *results.Legs) *results.Distribution { return l.QueueWakeUp }},
	{"service time", func(j *results.Joined) (int64, bool) { return j.ServiceTime(), !j.Service.Known },
		func(l *results.Legs) *results.Distribution { return l.ServiceTime }},
	{"service time, on CPU, user", func(j *results.Joined) (int64, bool) { return j.Service.User, j.Service.Known },
		func(l *results.Legs) *results.Distribution { return l.ServiceOnCPUUser }},
	{"service time, on CPU, kernel", func(j *results.Joined) (int64, bool) { return j.Service.Kernel, j.Service.Known },
		func(l *results.Legs) *results.Distribution { return l.ServiceOnCPUKernel }},
	{"service time, upstream wait", func(j *results.Joined) (int64, bool) { return j.Service.Upstream, j.Service.Known },
		func(l *results.Legs) *results.Distribution { return l.UpstreamWait }},
	{"service time, blocked", func(j *results.Joined) (int64, bool) { return j.Service.Blocked, j.Service.Known },
		func(l *results.Legs) *results.Distribution { return l.ServiceBlocked }},
	{"service time, run queue", func(j *results.Joined) (int64, bool) { return j.Service.RunQueue, j.Service.Known },
		func(l *results.Legs) *results.Distribution { return l.ServiceRunQueue }},
	{"reply delivery", func(j *results.Joined) (int64, bool) { return j.ReplyDelivery(), !j.Delivery.Known },
		func(l *results.Legs) *results.Distribution { return l.ReplyDelivery }},
	{"reply delivery, server sending", func(j *results.Joined) (int64, bool) { return j.Delivery.Sending, j.Delivery.Known },
		func(l *results.Legs) *results.Distribution { return l.DeliverySending }},
	{"reply delivery, client busy", func(j *results.Joined) (int64, bool) { return j.Delivery.Busy, j.Delivery.Known },
		func(l *results.Legs) *results.Distribution { return l.DeliveryBusy }},
	{"reply delivery, run queue", func(j *results.Joined) (int64, bool) { return j.Delivery.RunQueue, j.Delivery.Known },
		func(l *results.Legs) *results.Distribution { return l.DeliveryRunQueue }},
	{"reply delivery, wake-up", func(j *results.Joined) (int64, bool) { return j.Delivery.WakeUp, j.Delivery.Known },
		func(l *results.Legs) *results.Distribution { return l.DeliveryWakeUp }},
}

// Result says what the requests beyond a quantile (0.99, 0.999) of the round trip
// have more of than the median request: for each part, its mean among them less
// its median among all, as a percentage of the sum of what is above 0. It is nil
// where fewer than 20 requests lie beyond. origin is taken off all stamps.
func (t *Tail) Result(quantile float64, legs *results.Legs, origin int64) *results.Tail {
	beyond := int((1-quantile)*float64(t.count) + 0.5)
	if legs == nil || beyond < support {
		return nil
	}
	slowest := slices.Clone(t.slowest)
	slices.SortFunc(slowest, func(a, b results.Joined) int { return cmp.Compare(b.RoundTrip(), a.RoundTrip()) })
	slowest = slowest[:min(beyond, len(slowest))]
	tail := &results.Tail{
		Quantile: quantile, Requests: int64(len(slowest)),
		ShareOfExcess: make(map[string]float64),
	}
	sum := 0.0
	for i := range leaves {
		if excess := excessOf(&leaves[i], slowest, legs); excess > 0 {
			tail.ShareOfExcess[leaves[i].name] = excess
			sum += excess
		}
	}
	for name := range tail.ShareOfExcess {
		tail.ShareOfExcess[name] *= 100 / sum
	}
	for i := range slowest[:min(exemplars, len(slowest))] {
		tail.Exemplars = append(tail.Exemplars, exemplar(&slowest[i], origin))
	}
	return tail
}

// excessOf is how much more of a part the slowest have than the median request,
// ns on average over all of them.
func excessOf(part *leaf, slowest []results.Joined, legs *results.Legs) float64 {
	median := 0.0
	if d := part.median(legs); d != nil && d.P50 != nil {
		median = float64(*d.P50)
	}
	excess := 0.0
	for i := range slowest {
		if ns, ok := part.of(&slowest[i]); ok {
			excess += float64(ns) - median
		}
	}
	return excess / float64(len(slowest))
}

func exemplar(j *results.Joined, origin int64) results.Exemplar {
	e := results.Exemplar{
		Connection: j.Conn,
		Intended:   j.Intended - origin, Sent: j.Sent - origin,
		Taken: j.Taken - origin, Answered: j.Answered - origin, Received: j.Received - origin,
		RoundTrip: j.RoundTrip(), Parts: make(map[string]int64),
	}
	if j.QueueSeen() {
		queued := j.Queued - origin
		e.Queued = &queued
	}
	for i := range leaves {
		if ns, ok := leaves[i].of(j); ok && ns > 0 {
			e.Parts[leaves[i].name] = ns
		}
	}
	return e
}
