// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// hangs is how long after SIGKILL we go on waiting.
const hangs = 10 * time.Second

// end ends the process and what it left behind. The process is our child and
// not collected, so its number is surely its own.
func (p *Process) end(grace time.Duration) error {
	begin := time.Now()
	if !p.exitsWithin(0) {
		_ = unix.Kill(p.pid, unix.SIGTERM) // may have ended this instant
		if !p.exitsWithin(grace) {
			_ = unix.Kill(p.pid, unix.SIGKILL)
			if !p.exitsWithin(hangs) {
				_ = unix.Kill(-p.pid, unix.SIGKILL)
				return fmt.Errorf("stop process %d: it does not end after SIGKILL; it hangs in the kernel", p.pid)
			}
		}
	}
	return p.endRest(max(grace-time.Since(begin), min(grace, time.Second)))
}

func (p *Process) exitsWithin(limit time.Duration) bool {
	select {
	case <-p.exited:
		return true
	default:
	}
	select {
	case <-p.exited:
		return true
	case <-time.After(limit):
		return false
	}
}

// endRest ends what the process left behind: SIGTERM, and after grace SIGKILL.
func (p *Process) endRest(grace time.Duration) error {
	for _, step := range []struct {
		signal unix.Signal
		limit  time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, hangs}} {
		asked := make(map[int]bool)
		for end := time.Now().Add(step.limit); ; time.Sleep(lookPace) {
			left := p.rest()
			if len(left) == 0 {
				return nil
			}
			for _, pid := range left {
				if !asked[pid] {
					p.signal(pid, step.signal)
					asked[pid] = true
				}
			}
			if !time.Now().Before(end) {
				break
			}
		}
	}
	return fmt.Errorf("stop processes %v: they do not end after SIGKILL; they hang in the kernel", p.rest())
}

// signal sends a signal to one of the rest. It may end this instant and its
// number go to somebody else, so it is held by a pidfd (Linux 5.3) and looked at
// once more.
func (p *Process) signal(pid int, signal unix.Signal) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		defer unix.Close(pidfd)
	}
	if s, statErr := readStat(pid); statErr != nil || !p.left(s) {
		return
	}
	if err == nil {
		_ = unix.PidfdSendSignal(pidfd, signal, nil, 0) // ended meanwhile
	} else {
		_ = unix.Kill(pid, signal)
	}
}

// left says whether a process was left behind by the started one. Those are the
// processes of its group, and those that left it, as a daemon does: the kernel
// made them our children when their parents ended (we are a subreaper), and
// they are in a session of their own, as no child that we start ourselves.
func (p *Process) left(s processStat) bool {
	adopted := s.Parent == os.Getpid() && s.Session != p.session && s.Start >= p.start
	return adopted || s.Group == p.pid
}

// rest lists the living processes that the started one left behind, and
// collects those that became our children and have ended.
func (p *Process) rest() []int {
	pids, err := processes()
	if err != nil {
		return nil
	}
	var living []int
	for _, pid := range pids {
		s, err := readStat(pid)
		if err != nil || pid == p.pid || pid == p.guard.pid() || !p.left(s) {
			continue
		}
		if s.State != 'Z' && s.State != 'X' {
			living = append(living, pid)
		} else if s.Parent == os.Getpid() {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
	return living
}
