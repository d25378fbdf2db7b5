// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a target that we started.
type Process struct {
	Target *Target // the process that listens: the one started, or one below it
	Socket Socket  // where it listens

	pid     int
	exited  chan struct{} // closed when the process we started has ended
	ending  Ending        // valid then
	stop    chan time.Duration
	stopped chan struct{} // closed when everything was ended and collected
	once    sync.Once
	err     error
	tail    *tail
	drained sync.WaitGroup
}

// PID is the process that was started, which need not be the one that listens.
func (p *Process) PID() int { return p.pid }

// Exited is closed when the process that was started has ended. Where another
// one listens, Watch that one too.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Ending says how the started process ended; valid once Exited is closed.
func (p *Process) Ending() Ending {
	select {
	case <-p.exited:
		return p.ending
	default:
		return Ending{}
	}
}

// Stop ends what was started and waits for it: SIGTERM to the process, and
// after grace SIGKILL; then the same for what it left behind in its process
// group. It may be called again. The error says what would not end.
func (p *Process) Stop(grace time.Duration) error {
	p.once.Do(func() {
		p.stop <- max(grace, 0)
	})
	<-p.stopped
	return p.err
}

// launch starts the command and the goroutine that owns it.
func launch(o StartOptions) (*Process, error) {
	p := &Process{
		exited: make(chan struct{}), stopped: make(chan struct{}),
		stop: make(chan time.Duration, 1), tail: &tail{out: o.Stderr},
	}
	cmd := exec.Command(o.Command[0], o.Command[1:]...)
	cmd.Env, cmd.Dir = o.Env, o.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // Ctrl-C is for ipcprobe, which ends the target in order
		Pdeathsig: syscall.SIGTERM,
	}
	if o.User != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.User.UID, Gid: o.User.GID, Groups: o.User.Groups}
	}
	var ours, theirs []*os.File
	redirect := func(to io.Writer) (*os.File, error) {
		r, w, err := os.Pipe()
		if err == nil {
			ours, theirs = append(ours, r), append(theirs, w)
			p.drain(r, to)
		}
		return w, err
	}
	closeEnds := func(files []*os.File) {
		for _, f := range files {
			f.Close()
		}
	}
	stderr, err := redirect(p.tail)
	cmd.Stderr = stderr
	if err == nil && o.Stdout != nil {
		var stdout *os.File
		stdout, err = redirect(o.Stdout)
		cmd.Stdout = stdout
	}
	started := make(chan error)
	if err == nil {
		go p.own(cmd, started, func() { closeEnds(ours) })
		err = <-started
	}
	closeEnds(theirs)
	if err != nil {
		closeEnds(ours)
		p.drained.Wait()
		return nil, err
	}
	return p, nil
}

// drain takes everything that the target writes, so that it never waits for us.
// What the writer does not take is thrown away.
func (p *Process) drain(from *os.File, to io.Writer) {
	p.drained.Go(func() {
		if _, err := io.Copy(to, from); err != nil {
			_, _ = io.Copy(io.Discard, from)
		}
	})
}

// awaitDrained waits until everything that the target wrote has arrived, but not
// longer than limit.
func (p *Process) awaitDrained(limit time.Duration) {
	all := make(chan struct{})
	go func() { // ends with the pipes, at the latest when own closes them
		p.drained.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-time.After(limit):
	}
}

// own starts the command and stays with it until it is stopped. The thread is
// locked: PR_SET_PDEATHSIG is sent when the thread that forked ends, not the
// process. The ended process is collected only after its group was ended, so
// that neither number can go to somebody else before.
func (p *Process) own(cmd *exec.Cmd, started chan<- error, closeOutputs func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		p.awaitExit()
	}()
	started <- nil

	grace := <-p.stop
	p.err = p.end(grace)
	<-waited
	_ = cmd.Wait() // collects it; how it ended is known already
	// What left the group may hold the pipes open for ever.
	p.awaitDrained(lastWordsTime)
	closeOutputs()
	p.drained.Wait()
	close(p.stopped)
}

// awaitExit waits for the end of the started process without collecting it.
func (p *Process) awaitExit() {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if s, err := readStat(p.pid); err == nil && s.State == 'Z' {
		p.ending = endingOf(s.ExitCode)
	}
	close(p.exited)
}

// end ends the process and what is left of its group. The process is our child
// and not collected, so its number is surely its own.
func (p *Process) end(grace time.Duration) error {
	select {
	case <-p.exited:
	default:
		_ = unix.Kill(p.pid, unix.SIGTERM) // may have ended this instant
		select {
		case <-p.exited:
		case <-time.After(grace):
			_ = unix.Kill(p.pid, unix.SIGKILL)
			select {
			case <-p.exited:
			case <-time.After(10 * time.Second):
				_ = unix.Kill(-p.pid, unix.SIGKILL)
				return fmt.Errorf("stop process %d: it does not end after SIGKILL; it hangs in the kernel", p.pid)
			}
		}
	}
	return p.endGroup(min(grace, time.Second))
}

// endGroup ends what the process left behind in its group.
func (p *Process) endGroup(grace time.Duration) error {
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, 10 * time.Second}} {
		if len(p.members()) == 0 {
			return nil
		}
		_ = unix.Kill(-p.pid, step.signal)
		for end := time.Now().Add(step.wait); time.Now().Before(end); time.Sleep(lookPace) {
			if len(p.members()) == 0 {
				return nil
			}
		}
	}
	if left := p.members(); len(left) > 0 {
		return fmt.Errorf("stop processes %v: they do not end after SIGKILL", left)
	}
	return nil
}

// members lists the living processes of the started process's group.
func (p *Process) members() []int {
	pids, err := processes()
	if err != nil {
		return nil
	}
	var list []int
	for _, pid := range pids {
		if s, err := readStat(pid); err == nil && s.Group == p.pid && s.State != 'Z' && s.State != 'X' {
			list = append(list, pid)
		}
	}
	return list
}

// listener finds the nearest process, from the started one downwards, that
// listens on a Unix stream socket (wanted, if given). Where the one that opened
// the socket has exactly one child of the same program that holds it too, the
// child does the work (a master and its worker) and is taken.
func (p *Process) listener(ctx context.Context, wanted string) (*Target, []Socket) {
	below, err := descendants(ctx, p.pid)
	if err != nil {
		return nil, nil
	}
	type candidate struct {
		target  *Target
		sockets []Socket
	}
	var first *candidate
	var workers []candidate
	for _, pid := range append([]int{p.pid}, below...) {
		t, err := Inspect(ctx, pid)
		if err != nil {
			continue
		}
		sockets, err := t.Sockets(ctx)
		if err != nil || len(streamSockets(sockets)) == 0 {
			continue
		}
		if wanted != "" {
			if _, err := Choose(sockets, wanted, t); err != nil {
				continue
			}
		}
		switch {
		case first == nil:
			first = &candidate{t, sockets}
		case t.Parent == first.target.PID && t.file == first.target.file && sharesSocket(sockets, first.sockets):
			workers = append(workers, candidate{t, sockets})
		}
	}
	switch {
	case first == nil:
		return nil, nil
	case len(workers) == 1:
		first = &workers[0]
	}
	return first.target, first.sockets
}

func sharesSocket(a, b []Socket) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Type == Stream && x.Inode == y.Inode {
				return true
			}
		}
	}
	return false
}
