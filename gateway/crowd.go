// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"errors"
	"io"
	"os"
	"strconv"
)

const (
	// maxThreads bounds the threads of a process that are looked at.
	maxThreads = 64
	// newcomers is after how many looks threads are listed again.
	newcomers = 10
)

// crowd is the threads of a process, with their files open: to read one again takes
// a microsecond.
type crowd struct {
	pid     int
	threads map[int]*member
	looks   int
}

// member is one thread of a crowd.
type member struct {
	stat, sched *os.File // sched: nil where the kernel keeps no such account
	used        uint64   // CPU time when it was last looked at, ns
}

// busiest gives the CPU on which the thread last ran that used the most time since
// the last call; false on the first call and when none ran.
func (c *crowd) busiest() (cpu int, ran bool) {
	first := c.threads == nil
	if c.looks%newcomers == 0 {
		c.list()
	}
	c.looks++
	var most uint64
	var one *member
	for tid, m := range c.threads {
		now, err := m.time()
		if err != nil { // it has ended
			m.close()
			delete(c.threads, tid)
			continue
		}
		if more := now - min(now, m.used); more > most && !first {
			most, one = more, m
		}
		m.used = now
	}
	if one == nil {
		return 0, false
	}
	s, err := statAgain(one.stat)
	return s.CPU, err == nil
}

// list takes in the threads that have come since.
func (c *crowd) list() {
	if c.threads == nil {
		c.threads = map[int]*member{}
	}
	for _, tid := range threadsOf(c.pid) {
		if c.threads[tid] != nil || len(c.threads) >= maxThreads {
			continue
		}
		m, err := openMember(procPath(c.pid, "task/"+strconv.Itoa(tid)+"/"))
		if err != nil {
			continue // it has ended
		}
		if m.used, err = m.time(); err != nil {
			m.close()
			continue
		}
		c.threads[tid] = m
	}
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

func openMember(folder string) (*member, error) {
	stat, err := os.Open(folder + "stat")
	if err != nil {
		return nil, err
	}
	m := &member{stat: stat}
	if sched, err := os.Open(folder + "schedstat"); err == nil {
		m.sched = sched
	}
	return m, nil
}

// time is the thread's CPU time in ns: schedstat's; where the kernel has none, clock
// ticks of stat.
func (m *member) time() (uint64, error) {
	if m.sched != nil {
		var text [128]byte
		n, err := m.sched.ReadAt(text[:], 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		word, _ := nextWord(text[:n])
		if ns, ok := decimal(word); ok {
			return ns, nil
		}
	}
	s, err := statAgain(m.stat)
	return (s.UserTicks + s.SysTicks) * uint64(tickLength()), err
}

func (m *member) close() { closeAll(-1, m.stat, m.sched) }

func (c *crowd) close() {
	for tid, m := range c.threads {
		m.close()
		delete(c.threads, tid)
	}
}
