// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ipcprobe/ipcprobe/gateway"
)

// startReference starts ipcgateway from beside this program.
func startReference(ctx context.Context, o *runOptions) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the reference gateway: %w", err)
	}
	program := filepath.Join(filepath.Dir(self), "ipcgateway")
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("start the reference gateway: %s is not there; build it with `make build`, or measure a server of yours with --pid or -- COMMAND", program)
	}
	folder, err := newScratch()
	if err != nil {
		return nil, fmt.Errorf("make a folder for the reference gateway's socket: %w", err)
	}
	// The load generator runs as somebody else and has to get to the socket.
	if err := os.Chmod(folder, 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("open the folder of the reference gateway's socket: %w", err), os.RemoveAll(folder))
	}
	user, err := referenceUser()
	if err == nil && user != nil {
		err = os.Chown(folder, int(user.UID), int(user.GID))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the reference gateway: %w", err), os.RemoveAll(folder))
	}
	output := &lastLine{}
	command := []string{program, "--socket", filepath.Join(folder, "gateway.sock"), "--build", o.build}
	if o.noNATS {
		command = append(command, "--no-nats")
	}
	options := gateway.StartOptions{Command: command, Stdout: output, User: user, Confined: true}
	process, err := gateway.Start(ctx, options)
	var notes []string
	var refused *gateway.Error
	if user != nil && errors.As(err, &refused) && refused.Reason == gateway.Forbidden {
		notes = append(notes, fmt.Sprintf("the reference gateway ran as root, without capabilities: the user who called sudo may not start %s", program))
		user, options.User = nil, nil
		if err = os.Chown(folder, os.Geteuid(), os.Getegid()); err == nil {
			process, err = gateway.Start(ctx, options)
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	// Whoever may reach the folder is let in: the load generator is nobody. Where
	// the folder is another user's the load generator is he, and root keeps off.
	if user == nil {
		if err := os.Chmod(process.Socket.Address, 0o666); err != nil {
			return nil, errors.Join(fmt.Errorf("open the reference gateway's socket: %w", err), process.Stop(grace), os.RemoveAll(folder))
		}
	}
	return &server{
		target: process.Target, socket: process.Socket, process: process,
		own: true, output: output, folder: folder, notes: notes,
	}, nil
}

// referenceUser is who runs the reference gateway: the user who called sudo; nil
// for whoever runs ipcprobe.
func referenceUser() (*gateway.User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	return gateway.SudoUser(os.Getenv)
}
