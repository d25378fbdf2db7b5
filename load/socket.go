// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of the hot loop, raw: they don't tell Go's scheduler that the
// thread may block, because the thread is the loop's own.

// sendBytes sends b without waiting and without SIGPIPE.
//
//go:nosplit
func sendBytes(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// receiveBytes reads what is there into b, without waiting.
//
//go:nosplit
func receiveBytes(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// event is the kernel's epoll_event.
type event = unix.EpollEvent

// tag and untag keep 64 bits of ours in an event.
func tag(e *event, v uint64) { e.Fd, e.Pad = int32(v), int32(v>>32) }

//go:nosplit
func untag(e *event) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }

// epoll is one epoll instance, with its timers.
type epoll struct {
	fd    int
	timer int // for kernels whose epoll_wait counts milliseconds; -1 while epoll_pwait2 (Linux 5.11) works
	tick  int // wakes a wait without limit every tickNs; -1: there is none
}

// tickNs is how long a wait without limit lasts, at most. Each tick is one more
// waking beside those that the server's answers are (see hush.go).
const tickNs = lookNs

// startTick makes waits without limit end now and then. A limit costs a timer
// that is set and taken back with each wait; the tick costs nothing.
func (p *epoll) startTick() error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make timer: %w", err)
	}
	p.tick = fd
	every := unix.NsecToTimespec(tickNs)
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return fmt.Errorf("set timer: %w", err)
	}
	return p.add(fd, unix.EPOLLIN|unix.EPOLLET, timerTag)
}

// timerTag is the tag of the timer's event.
const timerTag = 1<<64 - 1

// add and modify set the events that are waited for on fd.
func (p *epoll) add(fd int, events uint32, v uint64) error {
	e := event{Events: events}
	tag(&e, v)
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e)
}

func (p *epoll) modify(fd int, events uint32, v uint64) error {
	e := event{Events: events}
	tag(&e, v)
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &e)
}

// ticked has the tick go on: the kernel sets a timer anew when it is read.
//
//go:nosplit
func (p *epoll) ticked() {
	if p.tick >= 0 {
		var n [8]byte
		syscall.RawSyscall(unix.SYS_READ, uintptr(p.tick), uintptr(unsafe.Pointer(&n)), uintptr(len(n)))
	}
}

// wait waits for events for at most ns, or a tick when ns is forever. An
// interrupted wait returns none.
//
//go:nosplit
func (p *epoll) wait(events []event, ns int64) int {
	if ns <= 0 {
		return p.poll(events, 0)
	}
	if ns == forever && p.tick >= 0 {
		return p.poll(events, -1)
	}
	if p.timer >= 0 {
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(ns)}
		syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(p.timer), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
		return p.poll(events, -1)
	}
	ts := unix.Timespec{Sec: ns / 1e9, Nsec: ns % 1e9}
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	switch errno {
	case 0:
		return int(n)
	case unix.ENOSYS, unix.EPERM: // an old kernel, or a filter that doesn't know the call
		p.useTimer()
	}
	return 0
}

// poll waits for ms; 0 only looks, -1 waits for the timer.
//
//go:nosplit
func (p *epoll) poll(events []event, ms int) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), uintptr(ms), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// useTimer makes wait use a timer descriptor. Where even that fails, wait
// returns at once and the loop turns without a pause: busy, never late.
func (p *epoll) useTimer() {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return
	}
	if p.add(fd, unix.EPOLLIN|unix.EPOLLET, timerTag) != nil {
		unix.Close(fd)
		return
	}
	p.timer = fd
}

func (p *epoll) close() {
	unix.Close(p.fd)
	for _, fd := range []int{p.timer, p.tick} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
