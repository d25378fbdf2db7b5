// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"sync"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// DefaultPace is how often a Sampler looks, unless a look is so dear that it
// would take more than 1 % of the time.
const DefaultPace = 100 * time.Millisecond

// Sampler looks at a target's memory until it is closed.
type Sampler struct {
	reader *MemoryReader
	stop   chan struct{}
	over   chan struct{}
	once   sync.Once

	mu                sync.Mutex
	first, last, most Memory
	looks             int
	ended             bool
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
	s := &Sampler{reader: reader, stop: make(chan struct{}), over: make(chan struct{})}
	if _, err := s.look(); err != nil {
		_ = reader.Close()
		return nil, err
	}
	go s.run(pace)
	return s, nil
}

func (s *Sampler) run(pace time.Duration) {
	defer close(s.over)
	timer := time.NewTimer(pace)
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			_, _ = s.look() // the final reading; the last one stands if it ended
			return
		case <-timer.C:
		}
		cost, err := s.look()
		if err != nil {
			return
		}
		timer.Reset(max(pace, 100*cost))
	}
}

// look takes one reading and says how long that took.
func (s *Sampler) look() (time.Duration, error) {
	begin := time.Now()
	m, err := s.reader.Read()
	cost := time.Since(begin)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.ended = true
		return cost, err
	}
	if s.looks == 0 {
		s.first, s.most = m, m
	}
	if m.RSS > s.most.RSS {
		s.most = m
	}
	s.last = m
	s.looks++
	return cost, nil
}

// Now gives the latest reading.
func (s *Sampler) Now() Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Ended says whether the target ended while it was watched: then the final
// figure is the last reading before.
func (s *Sampler) Ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Memory sums up what was seen: the baseline is the first reading, the final
// figure the last, the peak the largest reading, or VmHWM where that grew during
// the watch: then the process had its highest RSS ever between two looks.
func (s *Sampler) Memory() results.Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := results.Memory{RSSBaselineBytes: s.first.RSS, RSSPeakBytes: s.most.RSS,
		RSSFinalBytes: s.last.RSS, Source: s.first.Source}
	if s.last.Peak > s.first.Peak && s.last.Peak > m.RSSPeakBytes {
		m.RSSPeakBytes = s.last.Peak
		m.Source += ", VmHWM"
	}
	return m
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
