// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
)

// startLoad starts the load generator as the first user whom the socket lets
// in, and waits until it is connected.
func startLoad(ctx context.Context, o *runOptions, s *server) (*load.Generator, gateway.User, error) {
	o.load.Socket = s.socket.Address
	reached := s.socket.Address
	var file *os.File
	if reached == "" { // in a container: the generator is handed the file itself
		var err error
		if file, err = s.socket.OpenSocket(); err != nil {
			return nil, gateway.User{}, fmt.Errorf("connect to %s: %s: %w", s.socket.String(), s.socket.Problem, err)
		}
		defer file.Close()
		o.load.Socket, reached = s.socket.Name, fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	}
	var refused error
	for _, user := range gateway.LoadUsers(os.Getenv, reached, s.target) {
		// The generator ends in its own order, after its answers: not with ctx.
		generator, err := load.Spawn(context.WithoutCancel(ctx), load.SpawnOptions{
			Executable:     "/proc/self/exe",
			Load:           *o.load,
			SocketFile:     file,
			DropPrivileges: os.Geteuid() == 0,
			UID:            user.UID, GID: user.GID, Groups: user.Groups,
			Stderr: os.Stderr,
		})
		if err != nil {
			return nil, user, err
		}
		err = ready(ctx, generator)
		var target *load.TargetError
		switch {
		case err == nil, errors.As(err, &target) && target.Trouble == load.AnsweredError:
			// Answers that are errors can be measured; the result says so.
			return generator, user, nil
		case errors.As(err, &target) && target.Trouble == load.NotPermitted:
			refused = err
			_ = generator.Close() // it has nothing open
			continue
		default:
			return nil, user, errors.Join(err, generator.Close())
		}
	}
	return nil, gateway.User{}, refused
}

// ready waits until the load generator is connected and answered. A server that
// does not answer must not keep the user from leaving.
func ready(ctx context.Context, generator *load.Generator) error {
	done := make(chan error, 1)
	go func() {
		_, err := generator.Ready()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		// Its control socket's end tells the generator to take what it is owed
		// and leave; Ready then returns.
		err := generator.Close()
		<-done
		return errors.Join(ctx.Err(), err)
	}
}
