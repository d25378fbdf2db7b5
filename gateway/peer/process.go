// SPDX-License-Identifier: Apache-2.0

//go:build unix

package peer

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a peer that runs. It ends with the test at the latest.
type Process struct {
	Pid int

	cmd    *exec.Cmd
	out    *lines
	done   chan struct{} // closed when the program has ended
	forced bool
}

// Launch runs a program. It has not said a word yet when Launch returns.
func Launch(tb testing.TB, program string, args ...string) *Process {
	tb.Helper()
	p := &Process{cmd: exec.Command(program, args...), out: newLines(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", program, err)
	}
	p.Pid = p.cmd.Process.Pid
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the state says it all
	}()
	tb.Cleanup(func() { p.end() })
	return p
}

// Start runs a program and waits until it prints a line that begins with ready.
// A program that ends before, or says nothing for 10 seconds, fails the test.
func Start(tb testing.TB, ready, program string, args ...string) *Process {
	tb.Helper()
	p := Launch(tb, program, args...)
	select {
	case <-p.out.seen(ready):
	case <-p.done:
		tb.Fatalf("%s ended before it was ready:\n%s", filepath.Base(program), p.Output())
	case <-time.After(10 * time.Second):
		tb.Fatalf("%s is not ready:\n%s", filepath.Base(program), p.Output())
	}
	return p
}

// Stop sends SIGTERM, waits, and returns the exit code: 128 and the signal when a
// signal ended the program, -1 when it had to be killed after 10 seconds.
func (p *Process) Stop() int {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error: it has ended already
	return p.end()
}

// Alive says that the program has not ended.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Wait returns the exit code of a program that ends by itself within d, as Stop
// does; -1 when it does not.
func (p *Process) Wait(d time.Duration) int {
	select {
	case <-p.done:
		return p.code()
	case <-time.After(d):
		return -1
	}
}

// Output is what the program has printed so far, on both outputs.
func (p *Process) Output() string { return p.out.String() }

func (p *Process) end() int {
	if p.Alive() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.forced = true
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return p.code()
}

func (p *Process) code() int {
	if p.forced {
		return -1
	}
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// lines keeps what a program prints and tells when a line has come.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	wait map[string]chan struct{}
}

func newLines() *lines { return &lines{wait: map[string]chan struct{}{}} }

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	for head, c := range l.wait {
		if hasLine(bytes.NewReader(l.text.Bytes()), head) {
			close(c)
			delete(l.wait, head)
		}
	}
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// seen is closed once a line beginning with head has been printed.
func (l *lines) seen(head string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := make(chan struct{})
	if hasLine(bytes.NewReader(l.text.Bytes()), head) {
		close(c)
		return c
	}
	l.wait[head] = c
	return c
}

func hasLine(r io.Reader, head string) bool {
	s := bufio.NewScanner(r)
	for s.Scan() {
		if strings.HasPrefix(s.Text(), head) {
			return true
		}
	}
	return false
}
