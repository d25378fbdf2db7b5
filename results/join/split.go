// SPDX-License-Identifier: Apache-2.0

package join

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// split divides a joined request's legs by what the threads on its way did, and
// names them.
func (m *Matcher) split(j *results.Joined, found [kinds]*event, in *Input) {
	taken, sent := &in.Observations[found[taken].source], &in.Observations[found[answer].source]
	j.TakenBy, j.SentBy = taken.Thread, sent.Thread
	j.Service = splitService(j.ServiceTime(), taken, sent)
	if found[queued] == nil {
		return // nor is it known which of the client's threads it is
	}
	j.Queue = splitQueue(j, taken)
	client := &in.Observations[found[queued].source]
	asleep := m.sleeps.before(client.Thread, j.Received)
	j.Delivery = splitDelivery(j, sent, asleep)
	j.Way = results.Way{
		TakeBegan: taken.Begin, SendEnded: sent.At, Before: taken.Sleep, Within: sent.Sleep, Client: asleep,
	}
}

// splitService takes the difference of the serving thread's clocks. What is left
// of the time was spent on a CPU outside system calls.
func splitService(whole int64, taken, sent *results.Observation) (s results.ServiceSplit) {
	if taken.Thread != sent.Thread || sent.Begin == 0 {
		return s
	}
	s = results.ServiceSplit{
		Kernel:   max(0, sent.Clocks.Kernel-taken.Clocks.Kernel),
		Blocked:  max(0, sent.Clocks.Blocked-taken.Clocks.Blocked),
		Upstream: max(0, sent.Clocks.Upstream-taken.Clocks.Upstream),
		RunQueue: max(0, sent.Clocks.RunQueue-taken.Clocks.RunQueue),
		Known:    true,
	}
	s.Upstream = min(s.Upstream, s.Blocked)
	s.Blocked -= s.Upstream
	left := whole
	for _, part := range []*int64{&s.Upstream, &s.Blocked, &s.RunQueue, &s.Kernel} {
		*part = min(*part, left)
		left -= *part
	}
	s.User = left
	return s
}

// splitQueue asks what the thread that took the request had been doing since
// the request was queued. Where it slept with nothing left to do, the wait is
// what it took to wake it and, if others were taken first, their work. Where it
// was at work all along, the wait is that work, less the time in which it was
// kept from running.
func splitQueue(j *results.Joined, taken *results.Observation) (q results.QueueSplit) {
	whole := j.QueueWait()
	sleep, work := taken.Sleep, taken.Work
	switch {
	case whole == 0:
	case sleep.Ran > j.Queued && sleep.Idle:
		asleep := max(j.Queued, sleep.Began)
		q.RunQueue = sleep.Ran - max(asleep, sleep.Woken)
		q.Busy = asleep - j.Queued
		if work.Took >= sleep.Ran { // it took others first
			q.Busy += j.Taken - sleep.Ran
		}
	case work.Took != 0:
		q.RunQueue = min(work.Delay, whole)
		q.Busy = whole - q.RunQueue
	case sleep.Ran != 0:
		// Awake and free when the bytes came: on its way to take them.
	default:
		return q // the thread has not been seen before
	}
	q.Known = true
	q.RunQueue = min(max(0, q.RunQueue), whole)
	q.Busy = min(max(0, q.Busy), whole-q.RunQueue)
	q.WakeUp = whole - q.RunQueue - q.Busy
	return q
}

// splitDelivery asks the same of the client's thread that read the answer.
func splitDelivery(j *results.Joined, sent *results.Observation, sleep results.Sleep) (d results.DeliverySplit) {
	whole := j.ReplyDelivery()
	if sent.Begin == 0 || sleep.Ran == 0 {
		return d
	}
	d.Known = true
	ready := min(max(sent.At, j.Answered), j.Received)
	if sleep.Woken > j.Answered {
		ready = min(ready, sleep.Woken) // the bytes woke it, in the middle of the send
	}
	d.Sending = min(ready-j.Answered, whole)
	left := whole - d.Sending
	if sleep.Ran <= ready {
		d.Busy = left // awake, and at something else
		return d
	}
	d.RunQueue = min(left, max(0, sleep.Ran-max(ready, sleep.Woken)))
	d.Busy = min(left-d.RunQueue, max(0, sleep.Began-ready))
	d.WakeUp = left - d.RunQueue - d.Busy
	return d
}

// sleeps are the client threads' sleeps of one slice, by thread and the time of
// the first read behind them.
type sleeps struct {
	all []waking
}

type waking struct {
	thread uint32
	at     int64
	sleep  results.Sleep
}

func (s *sleeps) reset(observations []results.Observation) {
	s.all = s.all[:0]
	for i := range observations {
		if o := &observations[i]; o.Kind == results.Delivered {
			s.all = append(s.all, waking{o.Thread, o.At, o.Sleep})
		}
	}
	slices.SortFunc(s.all, func(a, b waking) int {
		return cmp.Or(cmp.Compare(a.thread, b.thread), cmp.Compare(a.at, b.at))
	})
}

// before is the sleep behind which a thread was reading at a moment; the zero
// value when none was seen.
func (s *sleeps) before(thread uint32, at int64) results.Sleep {
	i, _ := slices.BinarySearchFunc(s.all, waking{thread: thread, at: at}, func(a, b waking) int {
		return cmp.Or(cmp.Compare(a.thread, b.thread), cmp.Compare(a.at, b.at+1))
	})
	if i == 0 || s.all[i-1].thread != thread {
		return results.Sleep{}
	}
	return s.all[i-1].sleep
}
