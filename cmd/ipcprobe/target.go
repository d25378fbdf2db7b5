// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
)

// grace is how long a target that we started may take to end.
const grace = 10 * time.Second

// server is the target of a run: found, or started by us.
type server struct {
	target  *gateway.Target
	socket  gateway.Socket
	sockets []gateway.Socket // all it listens on, where traffic is seen that is not ours
	process *gateway.Process // nil: it was running before
	own     bool             // the reference gateway
	output  *lastLine        // what the reference gateway's keeper says at its end
	folder  string           // temporary, for the own gateway's socket
	notes   []string         // warnings about how it was started
}

// findServer finds or starts what is to be measured.
func findServer(ctx context.Context, o *runOptions) (*server, error) {
	switch {
	case o.noLoad && o.pid != 0:
		return observedServer(ctx, o.pid)
	case o.pid != 0:
		return attachServer(ctx, o)
	case len(o.command) > 0:
		return startServer(ctx, o)
	default:
		return startReference(ctx, o)
	}
}

func attachServer(ctx context.Context, o *runOptions) (*server, error) {
	target, err := gateway.Inspect(ctx, o.pid)
	if err != nil {
		return nil, err
	}
	sockets, err := target.Sockets(ctx)
	if err != nil {
		return nil, err
	}
	socket, err := gateway.Choose(sockets, o.load.Socket, target)
	if err != nil {
		// A path that is wrong in itself says more than that it is not there.
		if o.load.Socket != "" {
			if e := gateway.CheckSocket(ctx, o.load.Socket); e != nil {
				return nil, e
			}
		}
		return nil, err
	}
	if err := target.CheckRunning(); err != nil {
		return nil, err
	}
	return &server{target: target, socket: socket}, nil
}

// observedServer finds a server whose traffic is to be seen, on all of its sockets.
func observedServer(ctx context.Context, pid int) (*server, error) {
	target, err := gateway.Inspect(ctx, pid)
	if err != nil {
		return nil, err
	}
	sockets, err := target.Sockets(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{target: target}
	var names []string
	for _, socket := range sockets {
		if socket.Type != gateway.Datagram {
			s.sockets = append(s.sockets, socket)
			names = append(names, socket.Name)
		}
	}
	if len(s.sockets) == 1 {
		s.socket = s.sockets[0]
		return s, nil
	}
	if len(s.sockets) == 0 {
		_, err := gateway.Choose(sockets, "", target)
		return nil, err
	}
	s.socket.Name = strings.Join(names, ", ")
	return s, nil
}

func startServer(ctx context.Context, o *runOptions) (*server, error) {
	command, err := o.memory.valgrind.command(o.command)
	if err != nil {
		return nil, err
	}
	process, err := gateway.Start(ctx, gateway.StartOptions{Command: command, Socket: o.load.Socket})
	if err != nil {
		return nil, err
	}
	return &server{
		target: process.Target, socket: process.Socket, process: process, sockets: []gateway.Socket{process.Socket},
	}, nil
}

// stop ends what we started, and nothing else. The words are what the
// reference gateway said of its messages.
func (s *server) stop() (words string, err error) {
	if s.process == nil {
		return "", nil
	}
	err = s.process.Stop(grace)
	if s.folder != "" {
		err = errors.Join(err, os.RemoveAll(s.folder))
	}
	if s.own {
		words = s.output.String()
	}
	return words, err
}

// natsCounts reads the line "done published=N received=N answered=N", with
// which ipcgateway ends; nil when there is none, or no NATS.
func natsCounts(line string) *results.NATS {
	var n results.NATS
	if _, err := fmt.Sscanf(line, "done published=%d received=%d answered=%d", &n.Published, &n.Received, &n.Answered); err != nil {
		return nil
	}
	return &n
}

// lastLine keeps the last whole line written to it.
type lastLine struct {
	mu   sync.Mutex
	text []byte
}

// lastLineMax is the most that is kept, in bytes.
const lastLineMax = 4096

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - lastLineMax; over > 0 {
		l.text = l.text[over:]
	}
	return len(p), nil
}

// String returns the last line without its end.
func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(l.text), []byte("\n"))
	return string(lines[len(lines)-1])
}
