// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// same is by how much the moment at which a thread left its CPU may differ between
// two programs that both saw it, ns.
const same = 20_000

// stay is a stretch that a thread spent off its CPU.
type stay struct {
	results.Sleep
	call   string          // in which; empty: not known, or outside
	sample *results.Sample // that saw it; nil: the records did
}

// piece is a part of a stay, as it is drawn.
type piece struct {
	name     string
	from, to int64
}

// parts cuts a stay to a window: asleep, and then runnable without a CPU.
func parts(s stay, from, to int64) []piece {
	if s.Ran == 0 {
		return nil
	}
	name := "blocked"
	switch {
	case s.Upstream:
		name = "upstream wait"
	case s.Idle:
		name = "idle"
	}
	if s.call != "" {
		name += " in " + s.call
	}
	woken := min(max(s.Woken, s.Began), s.Ran)
	return []piece{
		{name, max(s.Began, from), min(woken, to)},
		{"runnable, no CPU", max(woken, from), min(s.Ran, to)},
	}
}

// server draws the service, the server's thread on and off its CPU, and what it
// waited for upstream.
func (p *picture) server() {
	r := p.r
	answered := max(r.Answered, r.Taken)
	end := max(answered, r.Way.SendEnded)
	stays := p.stays(end)
	blocked, runQueue := int64(0), int64(0)
	waited := int64(0)
	for _, s := range stays {
		for _, part := range parts(s, r.Queued, r.Taken) {
			p.span(trackServer, part.name, part.from, part.to, p.seenBy(s))
		}
		for _, part := range parts(s, answered, end) {
			p.span(trackServer, part.name, part.from, part.to, p.seenBy(s))
		}
		for i, part := range parts(s, r.Taken, answered) {
			p.span(trackServer, part.name, part.from, part.to, p.seenBy(s))
			length := max(0, part.to-part.from)
			if i == 1 {
				runQueue += length
				continue
			}
			blocked += length
			if s.Upstream {
				p.span(trackUpstream, "upstream wait", part.from, part.to, nil)
				waited += length
			}
		}
	}
	p.service(answered, stays, blocked, runQueue)
	p.span(trackServer, "sending", answered, end, nil)
	if missing := r.Service.Upstream - waited; r.Service.Known && missing > 0 {
		p.mark(trackUpstream, "upstream wait, at times not recorded", r.Taken, map[string]any{"upstream_wait_ns": missing})
	}
}

func (p *picture) seenBy(s stay) map[string]any {
	if s.sample == nil {
		return nil
	}
	return p.sampled(s.sample)
}

// service draws the service time. Where all that kept the thread from its CPU has a
// place, what is left of the time was spent on it.
func (p *picture) service(answered int64, stays []stay, blocked, runQueue int64) {
	r := p.r
	var args map[string]any
	if s := r.Service; s.Known {
		args = map[string]any{
			"on_cpu_user_ns": s.User, "on_cpu_kernel_ns": s.Kernel, "blocked_ns": s.Blocked,
			"upstream_wait_ns": s.Upstream, "run_queue_ns": s.RunQueue,
		}
		missing := max(0, s.Blocked+s.Upstream-blocked) + max(0, s.RunQueue-runQueue)
		if missing <= same {
			p.onCPU(answered, stays)
		} else {
			args["off_cpu_at_times_not_recorded_ns"] = missing
		}
	}
	p.span(trackServer, "service time", r.Taken, answered, args)
}

// onCPU fills what lies between the stays of a service.
func (p *picture) onCPU(answered int64, stays []stay) {
	at := p.r.Taken
	for _, s := range stays {
		if s.Ran <= at || s.Began >= answered {
			continue
		}
		p.span(trackServer, "on CPU", at, s.Began, nil)
		at = max(at, s.Ran)
	}
	p.span(trackServer, "on CPU", at, answered, nil)
}

// stays lists what is known of the serving thread's time off its CPU from the
// request's arrival to the end, in order and none within another.
func (p *picture) stays(end int64) []stay {
	r := p.r
	var all []stay
	add := func(s stay, thread uint32, from, to int64) {
		// Of a thread that only took the request, or only answered it, the time when
		// it had nothing to do with it is not shown.
		if thread != r.SentBy {
			to = min(to, r.Taken)
		}
		if thread != r.TakenBy {
			from = max(from, r.Taken)
		}
		s.Began, s.Ran = max(s.Began, from), min(s.Ran, to)
		if s.Ran > s.Began {
			s.Woken = min(max(s.Woken, s.Began), s.Ran)
			all = append(all, s)
		}
	}
	add(stay{Sleep: r.Way.Before}, r.TakenBy, r.Queued, end)
	add(stay{Sleep: r.Way.Within}, r.SentBy, r.Queued, end)
	for i := range r.Moments {
		s := &r.Moments[i]
		if s.Kind != results.OffCPU {
			continue
		}
		slept := s.Blocked + s.Idle
		add(stay{
			Sleep: results.Sleep{Began: s.At, Woken: s.At + slept, Ran: s.At + slept + s.RunQueue, Idle: s.Idle > 0},
			call:  s.Call, sample: s,
		}, s.Thread, r.Queued, end)
	}
	// The records' own come first where both saw one.
	slices.SortStableFunc(all, func(a, b stay) int { return cmp.Compare(a.Began, b.Began) })
	kept := all[:0]
	for _, s := range all {
		if n := len(kept); n > 0 && s.Began < kept[n-1].Ran {
			if kept[n-1].sample != nil && s.sample == nil && s.Began-kept[n-1].Began < same {
				s.call, s.sample = kept[n-1].call, kept[n-1].sample
				kept[n-1] = s
			} else if kept[n-1].sample == nil && s.sample != nil && s.Began-kept[n-1].Began < same {
				kept[n-1].call, kept[n-1].sample = s.call, s.sample
			}
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
