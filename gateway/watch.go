// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Watcher knows when a target ends. It waits on a pidfd (Linux 5.3; before
// that it looks ten times a second), so another process that gets the same
// number is never mistaken for the target.
type Watcher struct {
	done   chan struct{} // closed when the target has ended
	over   chan struct{} // closed when the goroutine has returned
	wake   *os.File      // closing its other end wakes the goroutine
	stop   *os.File
	once   sync.Once
	ending Ending
}

// Watch starts to watch a target, which has to be the process that was
// inspected; else the error is the one of Check. ctx ends the watch. The caller
// calls Close.
func Watch(ctx context.Context, t *Target) (*Watcher, error) {
	tried := fmt.Sprintf("watch process %d (%s)", t.PID, Printable(t.Name))
	pidfd, err := unix.PidfdOpen(t.PID, 0)
	if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return nil, processError(tried, t.PID, err)
	}
	if err != nil {
		pidfd = -1
	}
	last, err := os.Open(procPath(t.PID, "stat"))
	if err == nil {
		err = t.Check() // after both are open: they are of the right process
	}
	if err != nil {
		closeAll(pidfd, last)
		var e *Error
		if errors.As(err, &e) {
			return nil, err
		}
		return nil, processError(tried, t.PID, err)
	}
	wake, stop, err := os.Pipe()
	if err != nil {
		closeAll(pidfd, last)
		return nil, fmt.Errorf("%s: %w", tried, err)
	}
	w := &Watcher{done: make(chan struct{}), over: make(chan struct{}), wake: wake, stop: stop}
	go func() {
		defer close(w.over)
		defer closeAll(pidfd, last)
		detach := context.AfterFunc(ctx, func() { w.interrupt() })
		defer detach()
		if w.wait(t, pidfd) {
			w.ending = howEnded(pidfd, last)
			close(w.done)
		}
	}()
	return w, nil
}

func closeAll(fd int, files ...*os.File) {
	if fd >= 0 {
		unix.Close(fd)
	}
	for _, f := range files {
		f.Close() // a nil file gives an error, which says nothing
	}
}

// Done is closed when the target has ended, and never when the watch was closed
// first.
func (w *Watcher) Done() <-chan struct{} { return w.done }

// Ending says how the target ended; valid once Done is closed. The exit status
// is known where the kernel tells it: to its parent's user, or from Linux 6.15.
func (w *Watcher) Ending() Ending {
	select {
	case <-w.done:
		return w.ending
	default:
		return Ending{}
	}
}

// Close ends the watch and waits for it. It may be called again.
func (w *Watcher) Close() error {
	w.interrupt()
	<-w.over
	w.once.Do(func() { w.wake.Close() })
	return nil
}

func (w *Watcher) interrupt() { w.stop.Close() }

// wait returns true when the target has ended and false when it was woken.
func (w *Watcher) wait(t *Target, pidfd int) bool {
	// The runtime's poller must not see this descriptor: we poll it ourselves.
	wake := int(w.wake.Fd())
	if pidfd < 0 {
		return w.look(t, wake)
	}
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return w.look(t, wake)
		case fds[0].Revents != 0:
			return true
		case fds[1].Revents != 0:
			return false
		}
	}
}

// look is wait for kernels without pidfds.
func (w *Watcher) look(t *Target, wake int) bool {
	fds := []unix.PollFd{{Fd: int32(wake), Events: unix.POLLIN}}
	for {
		s, err := readStat(t.PID)
		if gone(err) || err == nil && (s.Start != t.Start || s.State == 'Z' || s.State == 'X') {
			return true
		}
		if n, _ := unix.Poll(fds, 100); n > 0 {
			return false
		}
	}
}

// howEnded asks for the exit status: the stat of a zombie has it until its
// parent collects it, the pidfd from then on (Linux 6.15). In between, and on
// older kernels, nobody tells.
func howEnded(pidfd int, last *os.File) Ending {
	for range 20 {
		if s, err := statAgain(last); err == nil && (s.State == 'Z' || s.State == 'X') {
			if readable(s) {
				return endingOf(s.ExitCode)
			}
		} else if pidfd < 0 {
			return Ending{}
		}
		if pidfd >= 0 {
			info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
			err := unix.IoctlPidfdInfo(pidfd, &info)
			if err == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0 {
				return endingOf(int(info.Exit_code))
			}
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return Ending{} // an older kernel
			}
		}
		time.Sleep(5 * time.Millisecond) // its parent is about to collect it
	}
	return Ending{}
}

// readable says whether the exit code of a stat line is meant: the kernel
// prints 0 to those who may not know it, so 0 proves nothing unless we are root.
func readable(s processStat) bool { return s.ExitCode != 0 || os.Geteuid() == 0 }

// statAgain reads the stat file of a process that was open before it ended.
func statAgain(f *os.File) (processStat, error) {
	var text [2048]byte
	n, err := f.ReadAt(text[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return processStat{}, err
	}
	return parseStat(bytes.TrimSpace(text[:n]))
}
