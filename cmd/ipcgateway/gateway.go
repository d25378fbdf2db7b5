// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// gateway is the running C program.
type gateway struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner // its standard output
}

// startGateway starts the program of a build, found beside our own executable.
// The calling goroutine must be locked to its thread until the gateway has been
// waited for: the kernel ends the gateway (SIGTERM) together with that thread.
func startGateway(build string, args []string, stderr io.Writer) (*gateway, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the gateway: %w", err)
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	path := filepath.Join(filepath.Dir(self), "ipc-gateway-"+build)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("find the gateway: %s is not there: make build puts it beside ipcgateway", path)
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	return &gateway{cmd: cmd, lines: bufio.NewScanner(out)}, nil
}

// line returns the rest of the gateway's next line that begins with head; false
// when it ended without one.
func (g *gateway) line(head string) (string, bool) {
	for g.lines.Scan() {
		if rest, ok := strings.CutPrefix(g.lines.Text(), head); ok {
			return rest, true
		}
	}
	return "", false
}

// wait returns the gateway's exit code, 128 and the signal when one killed it.
func (g *gateway) wait() int {
	for g.lines.Scan() { // Wait closes the pipe: take what is still in it
	}
	// A failed exit is no error here: the state says it all.
	_ = g.cmd.Wait()
	if status, ok := g.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return g.cmd.ProcessState.ExitCode()
}
