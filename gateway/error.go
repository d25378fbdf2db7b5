// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reason says in one word why a target or a socket can't be used. It is an
// error so that errors.Is(err, gateway.Zombie) looks for it; it is never
// returned bare, always inside an *Error.
type Reason string

// The reasons that callers may want to tell apart.
const (
	NotFound     Reason = "not found"         // no process, command or file of that name
	Thread       Reason = "a thread"          // the number names a thread, not a process
	KernelThread Reason = "a kernel thread"   // has no user code
	Zombie       Reason = "a zombie"          // has ended, its parent has not noticed
	Ended        Reason = "ended"             // went away, or ran another program, meanwhile
	Halted       Reason = "stopped"           // by a signal or a debugger
	Forbidden    Reason = "not permitted"     // privileges are missing
	Self         Reason = "ipcprobe itself"   // we don't measure ourselves
	NoSocket     Reason = "no socket"         // listens on no Unix stream socket
	Ambiguous    Reason = "several sockets"   // the user has to name one
	NotASocket   Reason = "not a socket"      // the path is something else
	NotListening Reason = "nobody listens"    // the file is there, the server is not
	TooLong      Reason = "path too long"     // more than 107 bytes
	Invalid      Reason = "not valid"         // can't name a process or a socket at all
	TimedOut     Reason = "took too long"     // did not listen within the time allowed
	Unreadable   Reason = "could not be read" // the system answered something unexpected
)

// Error returns the reason's words.
func (r Reason) Error() string { return string(r) }

// Error is a failure that the user can act on. Its text is one message: what
// was tried, what the system said, what to do next.
type Error struct {
	Reason Reason
	Tried  string // what was being done, as "inspect process 42"
	Said   string // what the system answered
	Next   string // what to do about it; empty where nothing sensible can be said
	Err    error  // the cause; nil when the finding is ours
}

// Error gives the one message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Tried)
	b.WriteString(": ")
	b.WriteString(e.Said)
	if e.Next != "" {
		b.WriteString("; ")
		b.WriteString(e.Next)
	}
	return b.String()
}

// Unwrap gives the reason and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// Printable gives a name as it may be shown in a terminal: as it is when it is
// plain printable text, else quoted with its odd bytes escaped. Names of
// processes and sockets are chosen by strangers.
func Printable(name string) string {
	if name == "" || !utf8.ValidString(name) {
		return strconv.Quote(name)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) || r == ' ' || r == '"' || r == '\\' {
			return strconv.Quote(name)
		}
	}
	return name
}

// systemSaid gives the system's own words for an error, without the operation
// and path that Go puts before them.
func systemSaid(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
