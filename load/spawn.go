// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// controlFD is the descriptor on which a child finds its parent.
const controlFD = 3

// socketFD is the descriptor on which a child finds the server's socket, where it
// was given one; socketPath is what it connects to then.
const (
	socketFD   = 4
	socketPath = "/proc/self/fd/4"
)

// SpawnOptions says which load a child is to make, and as whom.
type SpawnOptions struct {
	Executable string   // default: this program's own
	Command    []string // words before the flags; default: load
	Load       Options

	// SocketFile is the socket's file, opened with O_PATH, for a socket to which no
	// path of ours leads: in a container's file system, or behind a path that is
	// too long. Load.Socket is then what messages call it. Nil: Load.Socket leads
	// there. The caller keeps it.
	SocketFile *os.File

	// DropPrivileges starts the child as UID and GID with the supplementary
	// groups Groups, which takes root. The child gives up all capabilities and
	// the means to gain new ones in any case.
	DropPrivileges bool
	UID, GID       uint32
	Groups         []uint32

	// Env is the child's environment; nil: this process's own.
	Env []string

	// MaxRecords is how many requests of one slice are kept, at most; more are
	// dropped and counted. Default 4,000,000 (56 bytes each).
	MaxRecords int

	// Recorder gets every request of the load, if not nil; End then returns none.
	Recorder Recorder

	Stderr io.Writer // what the child says; default: nowhere
}

// Spawn starts the load generator as a child process. The child opens its
// connections at once; Ready waits for them. ctx's end kills the child without
// a farewell to the server, so leave it alive until Close has returned.
func Spawn(ctx context.Context, o SpawnOptions) (*Generator, error) {
	checked := o.Load
	if o.SocketFile != nil {
		checked.Socket = socketPath // a name may be longer than a path
	}
	if err := checked.Check(); err != nil {
		return nil, err
	}
	if o.Executable == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("start load generator: %w", err)
		}
		o.Executable = self
	}
	if o.Command == nil {
		o.Command = []string{"load"}
	}
	ours, theirs, err := controlPair()
	if err != nil {
		return nil, fmt.Errorf("start load generator: %w", err)
	}
	args := append(o.Command[:len(o.Command):len(o.Command)], "--control-fd="+strconv.Itoa(controlFD))
	load, files := o.Load, []*os.File{theirs}
	if o.SocketFile != nil {
		load.Socket, files = socketPath, append(files, o.SocketFile)
	}
	cmd := exec.CommandContext(ctx, o.Executable, append(args, load.args()...)...)
	cmd.Env = quietEnv(o.Env)
	cmd.Stderr = o.Stderr
	cmd.ExtraFiles = files
	cmd.WaitDelay = time.Second
	// A process group of its own: a SIGINT typed at the terminal reaches the
	// parent only, which then ends the load in good order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if o.DropPrivileges {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.UID, Gid: o.GID, Groups: o.Groups}
	}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("start load generator %s: %w", o.Executable, err)
	}
	return newGenerator(ours, cmd, o), nil
}

// quietEnv is env, or this process's own if nil, with what a child's runtime
// needs to leave its threads alone.
func quietEnv(env []string) []string {
	if env == nil {
		env = os.Environ()
	}
	setting := quietRuntime
	for _, v := range env {
		if old, ok := strings.CutPrefix(v, "GODEBUG="); ok && old != "" {
			setting = old + "," + quietRuntime
		}
	}
	return append(env[:len(env):len(env)], "GODEBUG="+setting)
}

// controlPair returns both ends of a control socket. Ours is non-blocking, so
// that closing it wakes whoever reads; theirs blocks.
func controlPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make control socket: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("make control socket: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control"), nil
}
