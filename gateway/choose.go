// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Choose takes the one socket that load is to be sent to. With wanted empty
// there has to be exactly one stream socket or, without any, one seqpacket socket
// or, without those too, one datagram socket; else it is the one that wanted
// names: as it was bound, by an abstract "@name", or by any path, also a
// relative or linked one, that leads to the same file. Sockets to which no way
// leads (their file was removed) don't count beside others. The one chosen has
// an Address, or OpenSocket opens it. who names the process in messages. Errors
// are *Error: NoSocket, Ambiguous.
func Choose(sockets []Socket, wanted string, who *Target) (Socket, error) {
	tried := fmt.Sprintf("choose the socket of process %d (%s)", who.PID, Printable(who.Name))
	streams := newestOfEachName(preferred(sockets))
	if wanted != "" {
		return named(newestOfEachName(sockets), sockets, wanted, tried)
	}
	if usable := slices.DeleteFunc(slices.Clone(streams), func(s Socket) bool { return !s.canBeReached() }); len(usable) > 0 {
		streams = usable
	}
	switch len(streams) {
	case 1:
		return streams[0], unreachable(streams[0], tried)
	case 0:
		return Socket{}, &Error{Reason: NoSocket, Tried: tried, Said: "it listens on no Unix socket",
			Next: "check that this is the server, and that it is set up to listen on a Unix socket: " +
				"ss -xlp | grep pid=" + fmt.Sprint(who.PID)}
	}
	return Socket{}, &Error{Reason: Ambiguous, Tried: tried,
		Said: fmt.Sprintf("it listens on %d sockets: %s", len(streams), listOf(streams)),
		Next: "name one with --socket PATH"}
}

func named(streams, all []Socket, wanted, tried string) (Socket, error) {
	id, err := fileOf(wanted)
	for _, s := range streams {
		if s.Name == wanted || s.Address == wanted || err == nil && s.file != (fileID{}) && s.file == id {
			s = reachable(s, wanted, id)
			return s, unreachable(s, tried)
		}
	}
	for _, s := range streams {
		if s.Name == "" && err == nil { // a row was forged; the user knows better
			s = reachable(s, wanted, id)
			return s, unreachable(s, tried)
		}
	}
	e := &Error{Reason: NoSocket, Tried: tried, Err: err,
		Said: fmt.Sprintf("it does not listen on %s, but on %s", Printable(wanted), listOf(all)),
		Next: "give one of these with --socket, or the PID of the process that listens on " + Printable(wanted)}
	if len(all) == 0 {
		e.Said = fmt.Sprintf("it listens on no Unix socket, so not on %s either", Printable(wanted))
		e.Next = "give the PID of the process that does"
	}
	return Socket{}, e
}

// reachable fills in the user's own path where none of ours leads to the socket.
func reachable(s Socket, wanted string, id fileID) Socket {
	if s.Address == "" && id != (fileID{}) && !strings.HasPrefix(wanted, "@") && len(wanted) <= MaxPath {
		if path, err := filepath.Abs(wanted); err == nil && len(path) <= MaxPath {
			wanted = path
		}
		s.Address, s.Problem, s.file = wanted, "", id
	}
	return s
}

// unreachable is the error for a socket to which no way leads.
func unreachable(s Socket, tried string) error {
	if s.canBeReached() {
		return nil
	}
	return &Error{Reason: NoSocket, Tried: tried,
		Said: fmt.Sprintf("it listens on %s, but %s", s.String(), s.Problem),
		Next: "restart the server so that it makes its socket anew, or give a path that leads to it with --socket"}
}

// preferred are the sockets of the type that comes first among them.
func preferred(all []Socket) []Socket {
	for _, want := range []SocketType{Stream, SeqPacket, Datagram} {
		var some []Socket
		for _, s := range all {
			if s.Type == want {
				some = append(some, s)
			}
		}
		if len(some) > 0 {
			return some
		}
	}
	return nil
}

// newestOfEachName drops listening sockets whose name the same process has bound
// again since: a path leads to the last one only. Inode numbers grow.
func newestOfEachName(sockets []Socket) []Socket {
	var kept []Socket
	for _, s := range sockets {
		last := len(kept) - 1
		if last >= 0 && s.Name != "" && kept[last].Name == s.Name {
			kept[last] = s
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// listOf names sockets for a message, ten at most.
func listOf(sockets []Socket) string {
	if len(sockets) == 0 {
		return "none"
	}
	const most = 10
	var names []string
	for i := range sockets {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(sockets)-most))
			break
		}
		names = append(names, sockets[i].describe())
	}
	return strings.Join(names, ", ")
}

// statError words what os.Stat said of a socket's path.
func statError(tried, path string, err error) *Error {
	switch {
	case os.IsPermission(err):
		return &Error{Reason: Forbidden, Tried: tried, Err: err, Said: systemSaid(err),
			Next: "check the rights of its folders, or run as the user who owns it"}
	case os.IsNotExist(err):
		next := "start the server, or check the path"
		if _, folderErr := os.Stat(filepath.Dir(path)); folderErr != nil {
			next = fmt.Sprintf("there is no folder %s either; check the path", Printable(filepath.Dir(path)))
		}
		return &Error{Reason: NotFound, Tried: tried, Err: err, Said: "no such file", Next: next}
	}
	return &Error{Reason: Unreadable, Tried: tried, Err: err, Said: systemSaid(err), Next: "check the path"}
}
