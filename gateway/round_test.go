// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestLooksThatAreDueSoonAreTakenTogether(t *testing.T) {
	var r round
	at := time.Unix(1000, 0)
	add := func(pause time.Duration) *routine {
		one := &routine{}
		one.wait(at, pause)
		r.looks = append(r.looks, one)
		return one
	}
	add(100 * time.Millisecond)
	fast := add(90 * time.Millisecond)
	late := add(time.Second)
	for _, row := range []struct {
		after time.Duration
		due   int
		next  *routine
	}{
		{80 * time.Millisecond, 0, fast}, // both could be taken, but nobody is due: the time is not up
		{90 * time.Millisecond, 2, late},
		{760 * time.Millisecond, 3, nil},
	} {
		due, next := r.dueAt(at.Add(row.after))
		if len(due) != row.due || row.next != nil && !next.Equal(row.next.due) || row.next == nil && !next.IsZero() {
			t.Errorf("after %v %d looks are due, then %v", row.after, len(due), next)
		}
	}
}

func TestARoundEndsItsLooks(t *testing.T) {
	var r round
	var quick, slow atomic.Int64
	endQuick := r.each(time.Millisecond, func() time.Duration { quick.Add(1); return time.Millisecond })
	endSlow := r.each(time.Hour, func() time.Duration { slow.Add(1); return time.Hour })
	eventually(t, "looks", func() bool { return quick.Load() > 5 })
	endQuick()
	endQuick()
	n := quick.Load()
	another := r.each(0, func() time.Duration { slow.Add(1); return time.Hour })
	eventually(t, "one that came later", func() bool { return slow.Load() == 1 })
	if quick.Load() != n {
		t.Error("looked after its end")
	}
	another()
	endSlow()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wake != nil || len(r.looks) > 0 {
		t.Error("goes on with nothing to look at")
	}
}
