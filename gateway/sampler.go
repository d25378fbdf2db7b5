// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// DefaultPace is how often a Sampler looks.
	DefaultPace = 100 * time.Millisecond
	// glancePace is how often it glances between two looks, where VmHWM leaves more
	// than 1/glanceShare of the resident set untold: a peak of 40 ms is not missed.
	glancePace  = 20 * time.Millisecond
	glanceShare = 16
	// walkShare bounds the looks that have the kernel walk the target's page tables:
	// they take at most 1/walkShare of a CPU.
	walkShare = 400
	// looksMost is how many looks are kept; beyond, every second is dropped and
	// the pace halved.
	looksMost = 16384
	// Settling: so many looks in a row that differ by less than a share of RSS.
	settlePace  = 50 * time.Millisecond
	settleLooks = 4
	settleShare = 1000
)

// Sampler looks at a target's memory until it is closed: all figures every pace.
// What was highest between two looks the kernel tells (VmHWM), of the process's whole
// life; where it was larger before, the resident set alone is looked at in between.
type Sampler struct {
	reader *MemoryReader
	pace   time.Duration
	end    func() // of the looks
	once   sync.Once
	due    time.Time // the next look
	walk   time.Time // the next one that has page tables walked

	mu     sync.Mutex
	record results.MemoryRecord
	last   results.MemoryLook
}

// StartSampler takes the baseline at once and then looks every pace (0:
// DefaultPace). The caller calls Close.
func StartSampler(t *Target, pace time.Duration) (*Sampler, error) {
	reader, err := OpenMemory(t)
	if err != nil {
		return nil, err
	}
	if pace <= 0 {
		pace = DefaultPace
	}
	s := &Sampler{reader: reader, pace: pace}
	if _, err := s.look(true); err != nil {
		_ = reader.Close()
		return nil, err
	}
	s.due, s.walk = time.Now().Add(pace), time.Now()
	s.end = looks.each(s.pause(), s.step)
	return s, nil
}

// step takes the look that is due, or a glance, and says how long to wait.
func (s *Sampler) step() time.Duration {
	if s.Ended() {
		return never
	}
	now := time.Now()
	if s.glances() && now.Before(s.due.Add(-glancePace/2)) {
		s.glance()
		return s.pause()
	}
	whole := !now.Before(s.walk)
	cost, err := s.look(whole)
	if err != nil {
		return never
	}
	if whole {
		s.walk = now.Add(walkShare * cost)
	}
	s.due = now.Add(s.lookPace())
	return s.pause()
}

// never is when a target that has ended is looked at again.
const never = 1000 * time.Hour

// pause is how long to wait for the next look or glance.
func (s *Sampler) pause() time.Duration {
	if pace := s.lookPace(); !s.glances() || pace < glancePace {
		return pace
	}
	return glancePace
}

// glances says that a peak between two looks might go unseen: the process was so
// much larger before that VmHWM doesn't tell it.
func (s *Sampler) glances() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	largest := max(s.last.RSS, s.record.Glanced)
	return s.last.Peak < 0 || s.last.Peak > largest+largest/glanceShare
}

// look takes one reading, whole or without the parts, and says how much CPU time
// that took.
func (s *Sampler) look(whole bool) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	runtime.LockOSThread() // its clock tells what a look costs
	defer runtime.UnlockOSThread()
	begin := threadTimeNow()
	read := s.reader.Look
	if whole {
		read = s.reader.Read
	}
	m, err := read()
	cost := threadTimeNow() - begin
	if err != nil {
		s.record.Ended = true
		return cost, err
	}
	s.last = m
	s.record.Looks = append(s.record.Looks, m)
	if len(s.record.Looks) > looksMost {
		s.thin()
	}
	return cost, nil
}

func (s *Sampler) lookPace() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pace
}

// threadTimeNow is the CPU time of this thread. On a busy machine the time on the
// wall says nothing about what a look costs the target.
func threadTimeNow() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0 // can't fail for this clock
	}
	return time.Duration(t.Nano())
}

// thin drops every second look but the first and the last.
func (s *Sampler) thin() {
	all := s.record.Looks
	kept := all[:1]
	for i := 2; i < len(all); i += 2 {
		kept = append(kept, all[i])
	}
	s.record.Looks = kept
	s.pace *= 2
}

// glance looks for a new peak. What statm tells is a little off, so a new peak is
// read again where the figure is exact.
func (s *Sampler) glance() {
	s.mu.Lock()
	defer s.mu.Unlock()
	rss, err := s.reader.Glance()
	if err != nil || rss <= s.record.Glanced || rss <= s.last.RSS {
		return
	}
	var m results.MemoryLook
	if s.reader.readStatus(&m) == nil {
		s.record.Glanced = max(s.record.Glanced, m.RSS)
	}
}

// Now gives the latest reading.
func (s *Sampler) Now() results.MemoryLook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Ended says whether the target ended while it was watched: then the final
// figure is the last reading before.
func (s *Sampler) Ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.Ended
}

// Settle waits until the resident set no longer changes, at most so long: what is
// given back late by the allocator belongs into the final reading. It returns
// early when ctx ends.
func (s *Sampler) Settle(ctx context.Context, most time.Duration) {
	begin := time.Now()
	ticks := time.NewTicker(settlePace)
	defer ticks.Stop()
	alike := 0
	before := s.Now().RSS
	for time.Since(begin) < most && !s.Ended() {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if _, err := s.look(false); err != nil {
			return
		}
		rss := s.Now().RSS
		if alike++; max(rss-before, before-rss) > before/settleShare {
			alike = 0
		}
		before = rss
		if alike >= settleLooks {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.Settled, s.record.SettleNs = alike >= settleLooks, time.Since(begin).Nanoseconds()
}

// Record is all that was seen. It is the caller's.
func (s *Sampler) Record() results.MemoryRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.record
	r.Looks = append([]results.MemoryLook(nil), r.Looks...)
	return r
}

// Close takes the final reading and ends the looking. It may be called again.
func (s *Sampler) Close() error {
	var err error
	s.once.Do(func() {
		s.end()
		if !s.Ended() {
			_, _ = s.look(true) // the final reading; the last one stands if it ended
		}
		err = s.reader.Close()
	})
	return err
}
