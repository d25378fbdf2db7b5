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
	from, to int64
	request  int32 // index
}

// Serve fills in, for each sample, the request that its thread was serving. That is
// from the return of the recv that took it to the end of the send of its answer.
// Of several that a thread has in hand, it is the one that is answered next. Where
// one thread takes and another answers, the second is at the request since it
// sent its answer before. Samples may be in any order.
func Serve(samples []results.Sample, joined []results.Joined) {
	spans := spansOf(joined)
	for i := range samples {
		s := &samples[i]
		if n, ok := find(spans, s.Thread, s.At); ok {
			j := &joined[n]
			s.Served, s.Request, s.RoundTrip = true, j.Kind, j.RoundTrip()
		}
	}
}

// spansOf lists the spans by thread and end.
func spansOf(joined []results.Joined) []span {
	spans := make([]span, 0, len(joined))
	for i := range joined {
		j := &joined[i]
		end := j.Answered
		if j.Delivery.Known {
			end += j.Delivery.Sending
		}
		spans = append(spans, span{j.SentBy, j.Taken, end, int32(i)})
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.thread, b.thread), cmp.Compare(a.to, b.to))
	})
	// What another thread took was not yet in hand while the last was answered.
	for i := 1; i < len(spans); i++ {
		s, before := &spans[i], &spans[i-1]
		if j := &joined[s.request]; s.thread == before.thread && j.TakenBy != j.SentBy {
			s.from = max(s.from, before.to)
		}
	}
	return spans
}

// find is the request that ends next on a thread of those that have begun.
func find(spans []span, thread uint32, at int64) (request int32, ok bool) {
	i, _ := slices.BinarySearchFunc(spans, span{thread: thread, to: at}, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.thread, b.thread), cmp.Compare(a.to, b.to))
	})
	for n := 0; i < len(spans) && spans[i].thread == thread && n < lookAhead; i, n = i+1, n+1 {
		if spans[i].from <= at {
			return spans[i].request, true
		}
	}
	return 0, false
}
