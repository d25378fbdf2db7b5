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
	// glancePace is how often it glances between two looks: a peak of 20 ms is
	// not missed.
	glancePace = 10 * time.Millisecond
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

// Sampler looks at a target's memory until it is closed: all figures every pace,
// and in between the resident set alone, for its peak.
type Sampler struct {
	reader *MemoryReader
	pace   time.Duration
	stop   chan struct{}
	over   chan struct{}
	once   sync.Once

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
	s := &Sampler{reader: reader, pace: pace, stop: make(chan struct{}), over: make(chan struct{})}
	if _, err := s.look(true); err != nil {
		_ = reader.Close()
		return nil, err
	}
	go s.run()
	return s, nil
}

func (s *Sampler) run() {
	defer close(s.over)
	runtime.LockOSThread() // its clock tells what a look costs
	defer runtime.UnlockOSThread()
	timer := time.NewTimer(min(s.pace, glancePace))
	defer timer.Stop()
	due, walk := time.Now().Add(s.pace), time.Now()
	for {
		select {
		case <-s.stop:
			_, _ = s.look(true) // the final reading; the last one stands if it ended
			return
		case <-timer.C:
		}
		if now := time.Now(); now.Before(due) {
			s.glance()
		} else {
			whole := !now.Before(walk)
			cost, err := s.look(whole)
			if err != nil {
				return
			}
			if whole {
				walk = now.Add(walkShare * cost)
			}
			due = now.Add(s.lookPace())
		}
		timer.Reset(min(s.lookPace(), glancePace))
	}
}

// look takes one reading, whole or without the parts, and says how much CPU time
// that took.
func (s *Sampler) look(whole bool) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
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
		case <-s.over:
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
		close(s.stop)
		<-s.over
		err = s.reader.Close()
	})
	<-s.over
	return err
}
