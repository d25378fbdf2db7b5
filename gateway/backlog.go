// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// The kernel's table of Unix sockets over netlink: include/uapi/linux/unix_diag.h.
const (
	diagShowName   = 1 << 0
	diagShowQueues = 1 << 4
	diagName       = 0
	diagQueues     = 4
	diagStates     = 1<<diagEstablished | 1<<diagListening
	// States are numbered as those of TCP.
	diagEstablished = 1
	diagListening   = 10

	diagRequestBytes = unix.SizeofNlMsghdr + 24
	diagMessageBytes = 16
)

// BacklogReader looks at what waits for a server on its Unix sockets: sock_diag(7),
// Linux 3.3, in the network name space of the caller.
type BacklogReader struct {
	socket int
	names  map[string]bool // of the listening sockets, as the kernel has them
	buffer [32 << 10]byte
}

// OpenBacklog opens the table for the sockets on which a target listens. Its error
// says why nothing will be seen of the backlog: the target may live in another
// network name space, or the kernel lack CONFIG_UNIX_DIAG.
func OpenBacklog(t *Target, sockets []Socket) (*BacklogReader, error) {
	ours, err := os.Readlink("/proc/self/ns/net")
	theirs, theirErr := os.Readlink(procPath(t.PID, "ns/net"))
	if err == nil && theirErr == nil && ours != theirs {
		return nil, errors.New("look at the backlog: the target lives in another network name space")
	}
	b := &BacklogReader{names: make(map[string]bool)}
	for _, s := range sockets {
		if s.Name != "" {
			b.names[kernelName(&s)] = true
		}
	}
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("look at the backlog: %w", err)
	}
	b.socket = socket
	// A kernel that does not answer must not hold up a measurement.
	patience := unix.Timeval{Sec: 1}
	if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience); err != nil {
		return nil, errors.Join(fmt.Errorf("look at the backlog: %w", err), b.Close())
	}
	if _, err := b.Read(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// kernelName is a socket's name in sun_path: an abstract one begins with a NUL.
func kernelName(s *Socket) string {
	if s.Abstract() {
		return "\x00" + strings.TrimPrefix(s.Name, "@")
	}
	return s.Name
}

// Read takes one look: some µs and about 1 µs for each Unix socket of the machine.
// Accepted sockets are known by the name that they share with their listener; the
// kernel does not show those that still wait to be accepted.
func (b *BacklogReader) Read() (results.Backlog, error) {
	seen := results.Backlog{Looks: 1}
	if err := unix.Sendto(b.socket, diagRequest(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return seen, fmt.Errorf("look at the backlog: %w", err)
	}
	for {
		n, _, err := unix.Recvfrom(b.socket, b.buffer[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return seen, fmt.Errorf("look at the backlog: %w", err)
		}
		done, err := b.messages(b.buffer[:n], &seen)
		if done || err != nil {
			return seen, err
		}
	}
}

// diagRequest asks for all listening and connected Unix sockets.
func diagRequest() []byte {
	r := make([]byte, 0, diagRequestBytes)
	order := binary.NativeEndian
	r = order.AppendUint32(r, diagRequestBytes)
	r = order.AppendUint16(r, unix.SOCK_DIAG_BY_FAMILY)
	r = order.AppendUint16(r, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	r = order.AppendUint64(r, 0) // sequence number, port
	r = append(r, unix.AF_UNIX, 0, 0, 0)
	r = order.AppendUint32(r, diagStates)
	r = order.AppendUint32(r, 0) // inode: any
	r = order.AppendUint32(r, diagShowName|diagShowQueues)
	return order.AppendUint64(r, ^uint64(0)) // cookie: any
}

// messages reads one datagram of the answer; done says that it was the last.
func (b *BacklogReader) messages(data []byte, seen *results.Backlog) (done bool, err error) {
	for len(data) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(data))
		if length < unix.SizeofNlMsghdr || length > len(data) {
			return true, errors.New("look at the backlog: the kernel's answer is cut off")
		}
		body := data[unix.SizeofNlMsghdr:length]
		switch binary.NativeEndian.Uint16(data[4:]) {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return true, errors.New("look at the backlog: the kernel's answer is cut off")
			}
			return true, fmt.Errorf("look at the backlog: %w", unix.Errno(-int32(binary.NativeEndian.Uint32(body))))
		case unix.SOCK_DIAG_BY_FAMILY:
			b.count(body, seen)
		}
		data = data[min(len(data), (length+3)&^3):]
	}
	return false, nil
}

// count adds one socket, if its name is one of the target's.
func (b *BacklogReader) count(message []byte, seen *results.Backlog) {
	if len(message) < diagMessageBytes {
		return
	}
	state := message[2]
	var name string
	var queue, limit uint32
	for rest := message[diagMessageBytes:]; len(rest) >= unix.SizeofRtAttr; {
		length := int(binary.NativeEndian.Uint16(rest))
		if length < unix.SizeofRtAttr || length > len(rest) {
			return
		}
		value := rest[unix.SizeofRtAttr:length]
		switch kind := binary.NativeEndian.Uint16(rest[2:]); {
		case kind == diagName:
			name = string(value)
			if !strings.HasPrefix(name, "\x00") {
				name = strings.TrimRight(name, "\x00")
			}
		case kind == diagQueues && len(value) >= 8:
			queue, limit = binary.NativeEndian.Uint32(value), binary.NativeEndian.Uint32(value[4:])
		}
		rest = rest[min(len(rest), (length+3)&^3):]
	}
	switch {
	case !b.names[name]:
	case state == diagListening:
		seen.Waiting += int64(queue)
		seen.WaitingLimit += int64(limit)
	default:
		seen.Connections++
		seen.QueuedBytes += int64(queue)
		if queue > 0 {
			seen.QueuedConnections++
		}
	}
}

// Close closes the table. It may be called again.
func (b *BacklogReader) Close() error {
	if b.socket == 0 {
		return nil
	}
	err := unix.Close(b.socket)
	b.socket = 0
	return err
}
