// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"sync"
	"time"
)

// together is how much earlier than it asked for a look may be taken, as a share of
// the time that it wanted to wait: whoever is due soon is looked after in the same
// waking.
const together = 4

// round takes looks at what is measured, on one goroutine for the whole process.
// On a machine that is busy with the target and its load each waking of ours takes
// the CPU from one of them, and may leave both on the same one behind it: with three
// goroutines that woke 120 times a second in all, target and generator shared a CPU
// in 15 % of all looks, and a saturated server lost 5 %. Waking ten times for all
// three leaves less than 1 %.
type round struct {
	mu    sync.Mutex
	looks []*routine
	wake  chan struct{} // a look was added or taken away; nil while nobody runs
}

// routine is one look and when it is due.
type routine struct {
	look func() time.Duration // takes the look, and says how long to wait for the next
	due  time.Time
	soon time.Time  // from here on it may be taken with others
	busy sync.Mutex // held while it looks
	gone bool       // guarded by busy
}

// looks is the round of this process.
var looks round

// each has look be called, and again after the time that it returns. The first call
// comes after first. Calls are in turn, not beside those of others. The function
// returned ends it, and waits for a call under way; it may be called again.
func (r *round) each(first time.Duration, look func() time.Duration) (end func()) {
	one := &routine{look: look}
	one.wait(time.Now(), first)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks = append(r.looks, one)
	if r.wake == nil {
		r.wake = make(chan struct{}, 1)
		go r.run(r.wake)
	} else {
		nudge(r.wake)
	}
	return func() { r.end(one) }
}

func nudge(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (r *round) end(one *routine) {
	r.mu.Lock()
	for i, other := range r.looks {
		if other == one {
			r.looks = append(r.looks[:i:i], r.looks[i+1:]...)
			break
		}
	}
	if len(r.looks) == 0 && r.wake != nil {
		close(r.wake)
		r.wake = nil
	}
	r.mu.Unlock()
	one.busy.Lock()
	one.gone = true
	one.busy.Unlock()
}

// run takes looks until there is none left to take.
func (r *round) run(wake chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case _, on := <-wake:
			if !on {
				return
			}
		case <-timer.C:
		}
		now := time.Now()
		due, next := r.dueAt(now)
		for _, one := range due {
			one.take(now)
			next = sooner(next, one.due)
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// dueAt are the looks to take now, none when nobody is due yet, and when the first
// of the others will be.
func (r *round) dueAt(now time.Time) (due []*routine, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	any := false
	for _, one := range r.looks {
		any = any || !one.due.After(now)
	}
	for _, one := range r.looks {
		if any && !one.soon.After(now) {
			due = append(due, one)
		} else {
			next = sooner(next, one.due)
		}
	}
	return due, next
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// take looks, unless that was ended.
func (one *routine) take(now time.Time) {
	one.busy.Lock()
	defer one.busy.Unlock()
	if !one.gone {
		one.wait(now, one.look())
	}
}

func (one *routine) wait(now time.Time, pause time.Duration) {
	one.due, one.soon = now.Add(pause), now.Add(pause-pause/together)
}
