// SPDX-License-Identifier: Apache-2.0

package load

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestWaitsEnd: every way of waiting ends without an event, time and again.
func TestWaitsEnd(t *testing.T) {
	for name, set := range map[string]func(*epoll) (int64, error){
		"with a limit":                 func(*epoll) (int64, error) { return 1_000_000, nil },
		"with a limit, on old kernels": func(p *epoll) (int64, error) { p.useTimer(); return 1_000_000, nil },
		"without a limit, with a tick": func(p *epoll) (int64, error) { return forever, p.startTick() },
		"looking only":                 func(*epoll) (int64, error) { return 0, nil },
		"with a limit that has passed": func(*epoll) (int64, error) { return -5, nil },
	} {
		t.Run(name, func(t *testing.T) {
			fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			p := epoll{fd: fd, timer: -1, tick: -1}
			defer p.close()
			ns, err := set(&p)
			if err != nil {
				t.Fatal(err)
			}
			events := make([]event, 8)
			for range 3 {
				for range p.wait(events, ns) {
					p.ticked()
				}
			}
		})
	}
}

func TestTagsSurvive(t *testing.T) {
	for _, v := range []uint64{0, 1, wakeTag, timerTag, 1<<63 | 5, 0xffff_ffff_0000_0001} {
		var e event
		tag(&e, v)
		if got := untag(&e); got != v {
			t.Errorf("tag %#x comes back as %#x", v, got)
		}
	}
}
