// SPDX-License-Identifier: Apache-2.0

package join

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// lookAhead bounds how many requests that a thread has in hand at once are
// looked at for one sample.
const lookAhead = 256

// span is the time in which a thread was at a request.
type span struct {
	thread   uint32
	kind     uint16
	handed   bool // another thread had taken the request
	from, to int64
	trip     int64 // its round trip
}

// Serving says which requests the threads were at. Add takes a slice's joined
// requests, in as many parts as they come; Serve then fills in the samples and
// forgets the requests. The zero value is ready, and memory is used again.
type Serving struct{ spans []span }

// Add takes joined requests; it keeps nothing of their memory.
func (s *Serving) Add(joined []results.Joined) {
	if n := len(s.spans) + len(joined); n > cap(s.spans) {
		s.spans = append(make([]span, 0, max(n, 2*cap(s.spans))), s.spans...)
	}
	for i := range joined {
		j := &joined[i]
		end := j.Answered
		if j.Delivery.Known {
			end += j.Delivery.Sending
		}
		s.spans = append(s.spans, span{j.SentBy, j.Kind, j.TakenBy != j.SentBy, j.Taken, end, j.RoundTrip()})
	}
}

// Serve fills in, for each sample, the request that its thread was serving. That is
// from the return of the recv that took it to the end of the send of its answer.
// Of several that a thread has in hand, it is the one that is answered next. Where
// one thread takes and another answers, the second is at the request since it
// sent its answer before. Samples may be in any order.
func (s *Serving) Serve(samples []results.Sample) {
	if len(samples) > 0 {
		s.sort()
	}
	for i := range samples {
		sample := &samples[i]
		if at, ok := find(s.spans, sample.Thread, sample.At); ok {
			sample.Served, sample.Request, sample.RoundTrip = true, at.kind, at.trip
		}
	}
	s.spans = s.spans[:0]
}

// sort brings the spans in the order of thread and end.
func (s *Serving) sort() {
	slices.SortFunc(s.spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.thread, b.thread), cmp.Compare(a.to, b.to))
	})
	// What another thread took was not yet in hand while the last was answered.
	for i := 1; i < len(s.spans); i++ {
		now, before := &s.spans[i], &s.spans[i-1]
		if now.thread == before.thread && now.handed {
			now.from = max(now.from, before.to)
		}
	}
}

// find is the request that ends next on a thread of those that have begun.
func find(spans []span, thread uint32, at int64) (request span, ok bool) {
	i, _ := slices.BinarySearchFunc(spans, span{thread: thread, to: at}, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.thread, b.thread), cmp.Compare(a.to, b.to))
	})
	for n := 0; i < len(spans) && spans[i].thread == thread && n < lookAhead; i, n = i+1, n+1 {
		if spans[i].from <= at {
			return spans[i], true
		}
	}
	return span{}, false
}
