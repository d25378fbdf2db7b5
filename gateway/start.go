// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// DefaultReady is how long Start waits for the target to listen.
const DefaultReady = 10 * time.Second

// lastWordsTime is how long we wait for the rest of what a target wrote before
// it ended. It comes at once unless a process that it left behind may still
// write.
const lastWordsTime = 100 * time.Millisecond

// lookPace is how often Start looks whether the target listens, at first.
const lookPace = 10 * time.Millisecond

// StartOptions say what to start and how.
type StartOptions struct {
	Command  []string      // program and arguments; the program is looked for in PATH
	Env      []string      // its environment; nil: ours
	Dir      string        // its working folder; empty: ours
	User     *User         // under whom it runs; nil: as we do
	Confined bool          // it has no capability, also as root, and no way to gain one (no_new_privs)
	Stdout   io.Writer     // where its output goes; nil: nowhere, straight from the kernel
	Stderr   io.Writer     // also kept, its end, for messages; nil: kept only
	Socket   string        // the socket to wait for; empty: the one that it opens
	Ready    time.Duration // how long it may take to listen; 0: DefaultReady
}

// Start starts a target and waits until it, or a process that it started, also
// one that it left in the background, listens on a Unix stream socket. On an error nothing of it is left running.
// Errors are *Error: NotFound (no such program), Forbidden, Ended (it exited
// first; the message has its status and last words), TimedOut, Ambiguous (it
// listens on several), or ctx's own. The caller calls Stop.
//
// From then on the calling process is a subreaper (PR_SET_CHILD_SUBREAPER): what
// a target leaves behind in the background becomes its child, so that Stop can
// end it. Should ipcprobe be killed, the target is sent SIGTERM by the kernel
// (PR_SET_PDEATHSIG) and its process group by a guard, a waiting shell; only
// what has left the group by then goes on.
func Start(ctx context.Context, o StartOptions) (*Process, error) {
	tried := "start " + commandText(o.Command)
	if len(o.Command) == 0 || o.Command[0] == "" {
		return nil, &Error{Reason: Invalid, Tried: "start the target", Said: "no command was given",
			Next: "give one after --, as in: ipcprobe run -- ./server --socket PATH"}
	}
	if o.Ready == 0 {
		o.Ready = DefaultReady
	}
	p, err := launch(o)
	if err != nil {
		return nil, launchError(tried, o, err)
	}
	if err := p.awaitListening(ctx, tried, o); err != nil {
		_ = p.Stop(time.Second) // the first error is the one to tell
		return nil, err
	}
	return p, nil
}

// launchError words why a program could not be started.
func launchError(tried string, o StartOptions, err error) error {
	if o.Dir != "" {
		if info, dirErr := os.Stat(o.Dir); dirErr != nil || !info.IsDir() {
			return &Error{Reason: NotFound, Tried: tried, Err: err,
				Said: "its working folder " + Printable(o.Dir) + " is not there", Next: "check the folder"}
		}
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return &Error{Reason: NotFound, Tried: tried, Err: err, Said: "no such program in PATH",
			Next: "check its name, or give its path, as in ./server"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Reason: NotFound, Tried: tried, Err: err, Said: "no such program, or its interpreter is missing",
			Next: "check its path"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Reason: Forbidden, Tried: tried, Err: err, Said: systemSaid(err),
			Next: "check that the file is a program and may be executed: ls -l, chmod +x"}
	}
	return &Error{Reason: Unreadable, Tried: tried, Err: err, Said: systemSaid(err), Next: "check that it runs by itself"}
}

// awaitListening waits for the socket and fills in Target and Socket.
func (p *Process) awaitListening(ctx context.Context, tried string, o StartOptions) error {
	deadline := time.NewTimer(o.Ready)
	defer deadline.Stop()
	begin := time.Now()
	pace := time.NewTimer(lookPace)
	defer pace.Stop()
	exited := p.Exited()
	seen := 0
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", tried, ctx.Err())
		case <-exited:
			exited = nil // what went to the background may listen yet
		case <-deadline.C:
			return p.tooLate(tried, o)
		case <-pace.C:
		}
		if exited == nil && !p.goesOn() {
			return p.exitedEarly(tried)
		}
		t, sockets := p.listener(ctx, o.Socket)
		// A look reads all of /proc: a slow starter is looked at less often.
		pace.Reset(min(max(lookPace, time.Since(begin)/20), 20*lookPace))
		if t == nil {
			continue
		}
		// A server opens its sockets one after the other: look until a second
		// look finds as many.
		if len(sockets) != seen {
			seen = len(sockets)
			pace.Reset(5 * lookPace)
			continue
		}
		s, err := Choose(sockets, o.Socket, t)
		if err != nil {
			return err
		}
		s.Holders(ctx)
		p.Target, p.Socket = t, s
		return nil
	}
}

// goesOn says whether the started process ended well and left something in the
// background.
func (p *Process) goesOn() bool {
	how := p.Ending()
	return how.Known && how == Ending{Known: true} && len(p.rest()) > 0
}

// exitedEarly tells how a target ended that never listened.
func (p *Process) exitedEarly(tried string) error {
	p.awaitDrained(lastWordsTime)
	return &Error{Reason: Ended, Tried: tried,
		Said: fmt.Sprintf("it %v before it listened on a Unix socket%s", p.Ending(), p.lastWords()),
		Next: "run the command by itself and see why it ends"}
}

func (p *Process) tooLate(tried string, o StartOptions) error {
	what := "a Unix stream socket"
	if o.Socket != "" {
		what = Printable(o.Socket)
	}
	return &Error{Reason: TimedOut, Tried: tried,
		Said: fmt.Sprintf("it did not listen on %s within %v%s", what, o.Ready, p.lastWords()),
		Next: "check that the command is a server and that it is told to listen on a Unix socket"}
}

// lastWords quotes the end of what the target wrote to its standard error.
func (p *Process) lastWords() string {
	lines := p.tail.lines()
	if len(lines) == 0 {
		return ""
	}
	return "; its last words were:\n    " + strings.Join(lines, "\n    ") + "\n"
}

// commandText shows a command in a message.
func commandText(command []string) string {
	var words []string
	for _, w := range command {
		words = append(words, Printable(w))
	}
	return strings.Join(words, " ")
}
