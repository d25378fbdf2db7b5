// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"strings"
)

// SocketType is a socket's type as the kernel numbers it.
type SocketType uint16

// The types of Unix sockets, in the order in which Choose prefers them: Stream,
// SeqPacket, Datagram.
const (
	Stream    SocketType = 1
	Datagram  SocketType = 2
	SeqPacket SocketType = 5
)

// String gives the type's name.
func (t SocketType) String() string {
	switch t {
	case Stream:
		return "stream"
	case Datagram:
		return "datagram"
	case SeqPacket:
		return "seqpacket"
	}
	return fmt.Sprintf("type %d", uint16(t))
}

// MaxPath is the longest path of a Unix socket in bytes: sun_path has 108, one
// of them for the closing NUL.
const MaxPath = 107

// fileID names a file for as long as it exists.
type fileID struct{ device, inode uint64 }

// Socket is a Unix socket on which a process listens.
type Socket struct {
	Owner int    // PID of the process that was looked at
	FD    int    // its descriptor there
	Inode uint64 // of the socket itself, not of its file
	Type  SocketType
	Name  string // as it was bound, raw; an abstract one begins with '@'

	// Address is what to dial: an absolute path, or "@name" for an abstract
	// socket. It is empty when no path of at most MaxPath bytes leads there;
	// Problem says why. Target.OpenSocket may still reach it.
	Address string
	Problem string

	// Sharers are other processes that hold the same listening socket, in the
	// order of their PIDs; only Holders fills it.
	Sharers []int

	file fileID // of the socket's file; zero for an abstract one
}

// Abstract says whether the socket has a name in the abstract name space and
// not a file.
func (s *Socket) Abstract() bool { return strings.HasPrefix(s.Name, "@") && s.file == fileID{} }

// canBeReached says whether there is an address or a file to connect to.
func (s *Socket) canBeReached() bool { return s.Address != "" || s.file != fileID{} }

// String names the socket as a message shows it.
func (s *Socket) String() string {
	if s.Name == "" {
		return fmt.Sprintf("socket %d (its name can't be told)", s.Inode)
	}
	if s.Address != "" {
		return Printable(s.Address)
	}
	return Printable(s.Name)
}

// describe is String with what else the user should know of it.
func (s *Socket) describe() string {
	text := s.String()
	if s.Type != Stream {
		text += " (" + s.Type.String() + ")"
	}
	if s.Problem != "" {
		text += " (" + s.Problem + ")"
	}
	return text
}
