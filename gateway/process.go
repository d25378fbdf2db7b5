// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"errors"
	"io"
	"math"
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
	start   uint64        // as Target.Start
	session int           // ours, in which it was started
	exited  chan struct{} // closed when the process we started has ended
	ending  Ending        // valid then
	stop    chan time.Duration
	stopped chan struct{} // closed when everything was ended and collected
	once    sync.Once
	err     error
	guard   *guard // nil where there is no shell
	tail    *tail
	drained sync.WaitGroup
}

// PID is the process that was started, which need not be the one that listens.
func (p *Process) PID() int { return p.pid }

// Exited is closed when the process that was started has ended. A server that
// goes to the background does so at once, and may run on: Watch tells when
// Target ends.
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
// after grace SIGKILL; then the same for what it left behind, also for what
// went to the background. It may be called again. The error says what would not end.
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
		cmd.SysProcAttr.Credential = o.User.credential()
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
		go p.own(cmd, o, started, func() { closeEnds(ours) })
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
// process. The ended process is collected only after what it left behind was ended, so
// that neither number can go to somebody else before.
func (p *Process) own(cmd *exec.Cmd, o StartOptions, started chan<- error, closeOutputs func()) {
	runtime.LockOSThread()
	// What the target leaves behind becomes our child and can be ended.
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	if o.Confined {
		// The thread stays locked: it ends with this goroutine, and so does what
		// it gave up.
		err = errors.Join(err, confineThread(o.User != nil))
	} else {
		defer runtime.UnlockOSThread()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	p.start = math.MaxUint64                   // adopts nobody, should the next line fail
	if s, err := readStat(p.pid); err == nil { // it exists until we collect it
		p.start, p.session = s.Start, s.Session
	}
	if g, err := startGuard(p.pid, o.User); err == nil {
		p.guard = g
	}
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		p.awaitExit()
	}()
	started <- nil

	grace := <-p.stop
	p.err = p.end(grace)
	<-waited
	p.guard.end()
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
