// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"slices"
	"sync"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// placementPace is how often placement is looked at. It is no multiple of the
// scheduler's tick, nor of the usual lengths of a timer.
const placementPace = 97 * time.Millisecond

// Placement looks at the CPUs on which a target and its load generator run,
// some ten times a second. In each look the thread of either that used the most
// CPU time since the look before stands for it; a process that slept in between
// is not counted. (A last-run CPU of a thread that sleeps would say nothing.)
type Placement struct {
	target, generator crowd
	end               func() // of the looks
	once              sync.Once

	mu               sync.Mutex
	onTarget, onLoad map[int]bool
	looks, together  int
}

// StartPlacement starts to look. The caller calls Close.
func StartPlacement(target, generator int) *Placement {
	p := &Placement{
		target: crowd{pid: target}, generator: crowd{pid: generator},
		onTarget: map[int]bool{}, onLoad: map[int]bool{},
	}
	p.look()
	p.end = looks.each(placementPace, func() time.Duration {
		p.look()
		return placementPace
	})
	return p
}

func (p *Placement) look() {
	t, tRan := p.target.busiest()
	g, gRan := p.generator.busiest()
	p.mu.Lock()
	defer p.mu.Unlock()
	if tRan {
		p.onTarget[t] = true
	}
	if gRan {
		p.onLoad[g] = true
	}
	if tRan && gRan {
		p.looks++
		if t == g {
			p.together++
		}
	}
}

// Seen sums up the looks so far. Without any that found both running, SharedPct
// is 0 and the lists are what was seen of each.
func (p *Placement) Seen() results.Placement {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := results.Placement{TargetCPUs: sorted(p.onTarget), GeneratorCPUs: sorted(p.onLoad)}
	if p.looks > 0 {
		seen.SharedPct = 100 * float64(p.together) / float64(p.looks)
	}
	return seen
}

// Close ends the looking. It may be called again.
func (p *Placement) Close() error {
	p.once.Do(func() {
		p.end()
		p.target.close()
		p.generator.close()
	})
	return nil
}

func sorted(set map[int]bool) []int {
	list := make([]int, 0, len(set))
	for cpu := range set {
		list = append(list, cpu)
	}
	slices.Sort(list)
	return list
}
