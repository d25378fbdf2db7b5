// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// socketTypes are the types of Unix sockets in the order in which they are tried:
// the kernel says EPROTOTYPE to all but the server's own.
var socketTypes = [...]int{unix.SOCK_STREAM, unix.SOCK_SEQPACKET, unix.SOCK_DGRAM}

// dialAny connects a socket of whatever type path is, and returns the type.
func dialAny(path string, wait time.Duration) (fd, kind int, cookie uint64, err error) {
	for _, kind = range socketTypes {
		if fd, cookie, err = dial(path, kind, wait); !errors.Is(err, unix.EPROTOTYPE) {
			return fd, kind, cookie, err
		}
	}
	return fd, kind, cookie, err
}

// dial connects a socket of a type to path. With wait above 0 it waits so long
// for room in the server's backlog; with 0 it fails at once with EAGAIN. A
// datagram socket gets a name of the kernel's choice, for the answers to reach it.
func dial(path string, kind int, wait time.Duration) (fd int, cookie uint64, err error) {
	flags := unix.SOCK_CLOEXEC
	if wait <= 0 {
		flags |= unix.SOCK_NONBLOCK
	}
	fd, err = unix.Socket(unix.AF_UNIX, kind|flags, 0)
	if err != nil {
		return -1, 0, fmt.Errorf("open socket: %w", err)
	}
	if kind == unix.SOCK_DGRAM {
		if err := unix.Bind(fd, &unix.SockaddrUnix{}); err != nil {
			unix.Close(fd)
			return -1, 0, fmt.Errorf("name the socket: %w", err)
		}
	}
	if err := connect(fd, path, wait); err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	cookie, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, fmt.Errorf("set up socket: %w", err)
	}
	return fd, cookie, nil
}

func connect(fd int, path string, wait time.Duration) error {
	if wait > 0 {
		limit := unix.NsecToTimeval(int64(wait))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
			return err
		}
	}
	for {
		err := unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if err != unix.EINTR {
			return err
		}
	}
}

// dialTrouble tells what is the matter with path when dial has failed with err.
func dialTrouble(path string, err error, wait time.Duration) *TargetError {
	e := &TargetError{Trouble: Unusable, Socket: path, Detail: fmt.Sprintf("connect to %s: %v", path, err), Waited: wait}
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		e.Trouble = NoSocket
	case errors.Is(err, unix.ECONNREFUSED):
		e.Trouble = Refused
		var st unix.Stat_t
		if !strings.HasPrefix(path, "@") && unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFSOCK {
			e.Trouble = NotASocket
		}
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		e.Trouble = NotPermitted
	case errors.Is(err, unix.EPROTOTYPE):
		e.Trouble, e.Detail = WrongKind, err.Error()
	case errors.Is(err, unix.EAGAIN):
		e.Trouble, e.Detail = Silent, "its queue of waiting connections stayed full"
	case errors.Is(err, unix.EMFILE):
		e.Detail = fmt.Sprintf("connect to %s: too many open files; raise the limit (ulimit -n) or ask for fewer --connections", path)
	}
	return e
}

// raiseFileLimit lifts the soft limit of open files to what n connections
// take, as far as the hard limit allows.
func raiseFileLimit(n int) error {
	const others = 64 // descriptors that are no connections
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read limit of open files: %w", err)
	}
	need := uint64(n + others)
	if limit.Cur >= need {
		return nil
	}
	if limit.Max < need {
		return fmt.Errorf("%d connections need %d open files, but the hard limit is %d; raise it (ulimit -Hn) or ask for fewer --connections",
			n, need, limit.Max)
	}
	limit.Cur = need
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise limit of open files to %d: %w", need, err)
	}
	return nil
}
