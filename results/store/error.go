// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
)

// Reason says in one word why a run's folder can't be used. It is an error for
// errors.Is; it is never returned bare, always inside an *Error.
type Reason string

// The reasons that callers may want to tell apart.
const (
	Exists       Reason = "exists"              // a run is there and Force is not set
	Foreign      Reason = "not a run's folder"  // what is there is none of ours
	Link         Reason = "a symbolic link"     // in the way
	NoParent     Reason = "no parent folder"    // missing, or no folder
	Forbidden    Reason = "not permitted"       // can't be written, or read
	BadName      Reason = "not a name"          // empty, too long, or no name of a file
	NotARun      Reason = "not a stored run"    // nothing there that Open can read
	OtherVersion Reason = "of another version"  // of result.json
	Failed       Reason = "could not be stored" // the system said something else
)

// Error returns the reason's words.
func (r Reason) Error() string { return string(r) }

// Error is a failure that the user can act on. Its text is one message: what
// was tried, what the system said, what to do next.
type Error struct {
	Reason Reason
	Tried  string
	Said   string
	Next   string
	Err    error // the cause; nil when the finding is ours
}

// Error gives the one message.
func (e *Error) Error() string {
	text := e.Tried + ": " + e.Said
	if e.Next != "" {
		text += "; " + e.Next
	}
	return text
}

// Unwrap gives the reason and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// failed words an error of the file system.
func failed(tried string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		if own.Tried == "" {
			own.Tried = tried
		}
		return own
	}
	e := &Error{Reason: Failed, Tried: tried, Said: systemSaid(err), Err: err,
		Next: "choose another folder with --out"}
	if errors.Is(err, fs.ErrPermission) {
		e.Reason = Forbidden
		e.Next = "choose a folder that you may write to, with --out"
	}
	return e
}

// systemSaid gives the system's own words, without Go's operation and path.
func systemSaid(err error) string {
	for {
		var path *fs.PathError
		if !errors.As(err, &path) {
			return err.Error()
		}
		err = path.Err
	}
}

// shown quotes a name that a terminal would not show as it is.
func shown(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` || name == "" {
		return quoted
	}
	return name
}

// mostSaid bounds what is repeated of a file's own words, bytes.
const mostSaid = 120

// printable makes words that a file may have had a part in fit for a terminal.
func printable(words string) string {
	if len(words) > mostSaid {
		words = words[:mostSaid] + "…"
	}
	quoted := strconv.Quote(words)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// somebodysLink refuses to be led elsewhere.
func somebodysLink(path string) *Error {
	return &Error{Reason: Link, Said: shown(path) + " is, or leads through, a symbolic link that belongs to somebody else",
		Next: "give the folder that it leads to"}
}
