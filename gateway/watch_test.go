// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"syscall"
	"testing"
	"time"
)

func awaitDone(t *testing.T, w *Watcher) {
	t.Helper()
	select {
	case <-w.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the end was not seen")
	}
}

func TestWatchSeesTheEndAndHow(t *testing.T) {
	tests := []struct {
		name string
		step string
		kill syscall.Signal
		want Ending
	}{
		{"an exit", "exit=5", 0, Ending{Known: true, Status: 5}},
		{"an exit without trouble", "exit=0", 0, Ending{Known: true}},
		{"a signal", "wait", syscall.SIGKILL, Ending{Known: true, Signal: syscall.SIGKILL}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := run(t, "ready", "line", tt.step)
			w, err := Watch(t.Context(), s.target(t))
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			select {
			case <-w.Done():
				t.Fatal("ended before its time")
			default:
			}
			if tt.kill != 0 {
				if err := s.Process.Signal(tt.kill); err != nil {
					t.Fatal(err)
				}
			} else {
				s.next(t)
			}
			awaitDone(t, w)
			// Its parent does not collect it before the test ends: root is told.
			got := w.Ending()
			if got != tt.want && (got != Ending{} || readable(processStat{})) {
				t.Errorf("it %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWatchWithoutPidfd(t *testing.T) {
	s := run(t, "ready", "line", "exit=5")
	target := s.target(t)
	w, err := Watch(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	seen := make(chan bool)
	go func() { seen <- w.look(target, int(w.wake.Fd())) }()
	s.next(t)
	if !<-seen {
		t.Error("woken, but it had ended")
	}
}

func TestWatchCanBeGivenUp(t *testing.T) {
	s := run(t, "ready", "wait")
	target := s.target(t)
	w, err := Watch(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-w.Done():
		t.Error("the end of the watch is not the end of the target")
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, err = Watch(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-w.over
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestWatchRefusesAnotherProcess(t *testing.T) {
	s := run(t, "ready", "wait")
	target := s.target(t)
	old := *target
	old.Start--
	_, err := Watch(t.Context(), &old)
	checkError(t, err, Ended, "its number belongs to another")
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait()
	_, err = Watch(t.Context(), target)
	checkError(t, err, Ended, "it ended")
}
