// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// CheckSocket says whether a load generator with our privileges can connect to
// path: nil, or an *Error with reason Invalid (empty), TooLong, NotFound,
// NotASocket, Forbidden, NotListening. It connects only where /proc does not
// already show who listens; an abstract name begins with '@'.
func CheckSocket(ctx context.Context, path string) error {
	tried := "connect to socket " + Printable(path)
	if err := checkName(tried, path); err != nil {
		return err
	}
	if !strings.HasPrefix(path, "@") {
		info, err := os.Stat(path)
		if err != nil {
			return statError(tried, path, err)
		}
		if info.Mode()&os.ModeSocket == 0 {
			return &Error{Reason: NotASocket, Tried: tried, Said: "this is " + kindOf(info.Mode()) + ", not a socket",
				Next: "give the path on which the server listens"}
		}
		if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS); err != nil {
			return connectError(tried, path, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", tried, err)
	}
	if listed(path) {
		return nil
	}
	return connectError(tried, path, tryConnect(path))
}

// checkName refuses what no server can have bound.
func checkName(tried, path string) error {
	switch {
	case path == "" || path == "@":
		return &Error{Reason: Invalid, Tried: tried, Said: "the path is empty",
			Next: "give the path on which the server listens, with --socket PATH"}
	case strings.ContainsRune(path, 0):
		return &Error{Reason: Invalid, Tried: tried, Said: "a path can't hold a NUL byte",
			Next: "give the path on which the server listens"}
	case len(path) > MaxPath:
		return &Error{Reason: TooLong, Tried: tried,
			Said: fmt.Sprintf("the path has %d bytes, and the kernel takes %d at most", len(path), MaxPath),
			Next: "go to its folder and give a relative path, or make a short link to the folder"}
	}
	return nil
}

// kindOf names what is not a socket.
func kindOf(mode os.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a folder"
	case mode&os.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&os.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

// listed says whether our network name space lists a listening socket
// under this very name whose inode some process surely holds. The name alone is
// no proof: another process may have bound the same path anew, or a container
// the same name, so the answer is yes only where exactly one row has it and its
// owner resolves the name to this file.
func listed(path string) bool {
	text, err := readProc(os.Getpid(), "net/unix")
	if err != nil {
		return false
	}
	id, err := fileOf(path)
	if err != nil {
		return false
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	var inodes []uint64
	for inode, row := range listeningRows(parseUnixTable(text)) {
		if row.Name == path || row.Name == absolute {
			inodes = append(inodes, inode)
		}
	}
	if len(inodes) != 1 {
		return false
	}
	for _, s := range holders(context.Background(), inodes[0]) {
		if s.file == id {
			return true
		}
	}
	return false
}

// tryConnect connects and closes at once; nil when somebody listens.
func tryConnect(path string) error {
	var err error
	for _, kind := range []SocketType{Stream, SeqPacket, Datagram} {
		if err = tryType(path, kind); !errors.Is(err, unix.EPROTOTYPE) {
			break
		}
	}
	if errors.Is(err, unix.EAGAIN) { // somebody listens, the queue is full
		return nil
	}
	return err
}

func tryType(path string, kind SocketType) error {
	fd, err := unix.Socket(unix.AF_UNIX, int(kind)|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

// connectError words what connect(2) said.
func connectError(tried, path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ECONNREFUSED):
		next := "start the server"
		if !strings.HasPrefix(path, "@") {
			next = "start the server; the file was left behind by one that ended"
		}
		return &Error{Reason: NotListening, Tried: tried, Err: err, Said: "nobody listens there (" + err.Error() + ")", Next: next}
	case refused(err):
		return &Error{Reason: Forbidden, Tried: tried, Err: err, Said: err.Error(),
			Next: "run as a user who may write to the socket: ls -l " + Printable(path)}
	case errors.Is(err, unix.ENOENT):
		return &Error{Reason: NotFound, Tried: tried, Err: err, Said: "no such socket", Next: "start the server, or check the path"}
	}
	return &Error{Reason: Unreadable, Tried: tried, Err: err, Said: err.Error(), Next: "check the path"}
}
