// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
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
	kept  []results.Joined
	heap  []slow // the fastest of kept on top
	count int64
}

// slow is a place in Tail.kept: small, since a heap moves its items about.
type slow struct {
	trip int64 // round trip, ns
	at   int32
}

// NewTail returns a Tail that holds nothing.
func NewTail() *Tail { return &Tail{} }

// Add takes what a slice's join gave. Once slowestKept requests were seen it
// allocates nothing.
func (t *Tail) Add(joined []results.Joined) {
	t.count += int64(len(joined))
	if room := min(slowestKept, len(t.kept)+len(joined)); room > cap(t.kept) {
		t.kept, t.heap = slices.Grow(t.kept, room-len(t.kept)), slices.Grow(t.heap, room-len(t.heap))
	}
	for i := range joined {
		trip := joined[i].RoundTrip()
		switch {
		case len(t.kept) < slowestKept:
			t.heap = append(t.heap, slow{trip, int32(len(t.kept))})
			t.kept = append(t.kept, joined[i])
			t.rise()
		case trip > t.heap[0].trip:
			t.heap[0].trip = trip
			t.kept[t.heap[0].at] = joined[i]
			t.sink()
		}
	}
}

// rise puts the heap's last item where it belongs.
func (t *Tail) rise() {
	h, i := t.heap, len(t.heap)-1
	item := h[i]
	for i > 0 && h[(i-1)/2].trip > item.trip {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = item
}

// sink puts the heap's first item where it belongs.
func (t *Tail) sink() {
	h, i := t.heap, 0
	item := h[0]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].trip < h[child].trip {
			child++
		}
		if h[child].trip >= item.trip {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = item
}

// slowest are at most n of the requests that were kept, slowest first.
func (t *Tail) slowest(n int) []*results.Joined {
	order := slices.Clone(t.heap)
	slices.SortFunc(order, func(a, b slow) int { return cmp.Compare(b.trip, a.trip) })
	all := make([]*results.Joined, min(n, len(order)))
	for i := range all {
		all[i] = &t.kept[order[i].at]
	}
	return all
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
	slowest := t.slowest(beyond)
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
		tail.Exemplars = append(tail.Exemplars, exemplar(slowest[i], origin))
	}
	return tail
}

// excessOf is how much more of a part the slowest have than the median request,
// ns on average over all of them.
func excessOf(part *leaf, slowest []*results.Joined, legs *results.Legs) float64 {
	median := 0.0
	if d := part.median(legs); d != nil && d.P50 != nil {
		median = float64(*d.P50)
	}
	excess := 0.0
	for i := range slowest {
		if ns, ok := part.of(slowest[i]); ok {
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
