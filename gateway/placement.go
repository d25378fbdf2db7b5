// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// placementPace is how often placement is looked at. It is no multiple of the
// scheduler's tick, nor of the usual lengths of a timer.
const placementPace = 97 * time.Millisecond

// maxThreads bounds the threads of a process that one look reads.
const maxThreads = 64

// Placement looks at the CPUs on which a target and its load generator run,
// some ten times a second. In each look the thread of either that used the most
// CPU time since the look before stands for it; a process that slept in between
// is not counted. (A last-run CPU of a thread that sleeps would say nothing.)
type Placement struct {
	target, generator crowd
	stop, over        chan struct{}
	once              sync.Once

	mu               sync.Mutex
	onTarget, onLoad map[int]bool
	looks, together  int
}

// StartPlacement starts to look. The caller calls Close.
func StartPlacement(target, generator int) *Placement {
	p := &Placement{
		target: crowd{pid: target}, generator: crowd{pid: generator},
		stop: make(chan struct{}), over: make(chan struct{}),
		onTarget: map[int]bool{}, onLoad: map[int]bool{},
	}
	go p.run()
	return p
}

func (p *Placement) run() {
	defer close(p.over)
	pace := time.NewTicker(placementPace)
	defer pace.Stop()
	for {
		p.look()
		select {
		case <-p.stop:
			return
		case <-pace.C:
		}
	}
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
	p.once.Do(func() { close(p.stop) })
	<-p.over
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

// crowd is the threads of a process with the CPU time each had when it was last
// looked at.
type crowd struct {
	pid  int
	used map[int]uint64
}

// busiest gives the CPU on which the thread last ran that used the most time
// since the last call; false on the first call and when none ran.
func (c *crowd) busiest() (cpu int, ran bool) {
	first := c.used == nil
	used := make(map[int]uint64)
	var most uint64
	for _, tid := range threadsOf(c.pid) {
		now, last, ok := threadTime(c.pid, tid)
		if !ok {
			continue
		}
		used[tid] = now
		if more := now - min(now, c.used[tid]); more > most && !first {
			most, cpu, ran = more, last, true
		}
	}
	c.used = used
	return cpu, ran
}

func threadsOf(pid int) []int {
	dir, err := os.Open(procPath(pid, "task"))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxThreads)
	if err != nil {
		return nil
	}
	var list []int
	for _, name := range names {
		if tid, err := strconv.Atoi(name); err == nil {
			list = append(list, tid)
		}
	}
	return list
}

// threadTime reads a thread's CPU time in ns (schedstat; where the kernel has
// none, clock ticks of stat) and the CPU on which it last ran.
func threadTime(pid, tid int) (used uint64, cpu int, ok bool) {
	folder := "task/" + strconv.Itoa(tid) + "/"
	text, err := readProc(pid, folder+"stat")
	if err != nil {
		return 0, 0, false
	}
	s, err := parseStat(text)
	if err != nil {
		return 0, 0, false
	}
	used = (s.UserTicks + s.SysTicks) * uint64(tickLength())
	if text, err := readProc(pid, folder+"schedstat"); err == nil {
		word, _ := nextWord(text)
		if ns, ok := decimal(word); ok {
			used = ns
		}
	}
	return used, s.CPU, true
}
