// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Target is a process that can be measured, as it was when it was looked at.
// Its number, start time and executable file together identify it: a PID alone
// is given to another process sooner or later.
type Target struct {
	PID        int
	Start      uint64   // clock ticks between boot and its start
	Name       string   // the kernel's short name for it, any bytes
	Executable string   // path, in the target's own view of the file system
	Deleted    bool     // the executable's file was removed or replaced since
	BuildID    string   // hex of the ELF note; empty when it has none
	Bits       int      // 32 or 64; 0 when the executable is no ELF file
	Command    []string // its arguments as they are now; nil when it wiped them
	UID, GID   int      // effective user and group
	Threads    int
	Parent     int

	file fileID // the executable's
}

// Inspect looks at a running process and says what it is. The errors are
// *Error: NotFound, Thread, KernelThread, Zombie, Ended (during the look),
// Forbidden, Self, Invalid.
func Inspect(ctx context.Context, pid int) (*Target, error) {
	tried := inspecting(pid)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", tried, err)
	}
	if pid <= 0 {
		return nil, &Error{Reason: Invalid, Tried: tried, Said: "a PID is a number above 0",
			Next: "find it with pgrep, or start the server with: ipcprobe run -- COMMAND"}
	}
	before, err := readStat(pid)
	if gone(err) {
		return nil, notFound(tried, pid, err)
	}
	if err != nil {
		return nil, processError(tried, pid, err)
	}
	if err := measurable(tried, pid, before); err != nil {
		return nil, err
	}
	t := &Target{PID: pid, Start: before.Start, Name: before.Comm,
		Threads: before.Threads, Parent: before.Parent}
	if err := t.fill(); err != nil {
		return nil, t.endedOr(tried, err)
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t, nil
}

// measurable refuses what is no running process of somebody else.
func measurable(tried string, pid int, s processStat) error {
	status, err := readProc(pid, "status")
	if err != nil {
		return processError(tried, pid, err)
	}
	process, _ := numberOf(status, "Tgid", 0)
	switch {
	case int(process) == os.Getpid():
		return &Error{Reason: Self, Tried: tried, Said: "this is ipcprobe itself",
			Next: "give the server's PID"}
	case process != 0 && int(process) != pid:
		return &Error{Reason: Thread, Tried: tried,
			Said: fmt.Sprintf("this is a thread of process %d (%s)", process, Printable(s.Comm)),
			Next: fmt.Sprintf("use --pid %d", process)}
	case s.Flags&kernelThreadFlag != 0:
		return &Error{Reason: KernelThread, Tried: tried,
			Said: fmt.Sprintf("%s is a kernel thread and serves no socket", Printable(s.Comm)),
			Next: "give the PID of the server"}
	case s.State == 'Z' || s.State == 'X' || s.State == 'x':
		return &Error{Reason: Zombie, Tried: tried,
			Said: fmt.Sprintf("%s has ended; its parent, process %d, has not collected it yet (a zombie)",
				Printable(s.Comm), s.Parent),
			Next: "start the server again and give its new PID"}
	}
	return nil
}

func notFound(tried string, pid int, err error) *Error {
	next := "look for the server with: pgrep -a NAME"
	if hidden() {
		next = "run ipcprobe as root (this /proc hides other users' processes), or " + next
	}
	return &Error{Reason: NotFound, Tried: tried, Said: "no such process", Next: next, Err: err}
}

// hidden says whether /proc is mounted so that we see our own processes only:
// then even process 1 is not there.
func hidden() bool {
	_, err := os.Stat("/proc/1")
	return os.Geteuid() != 0 && err != nil
}

// fill reads everything that needs the process alive.
func (t *Target) fill() error {
	exe, err := os.Readlink(procPath(t.PID, "exe"))
	if err != nil {
		return err
	}
	t.Executable, t.Deleted = strings.CutSuffix(exe, " (deleted)")
	if t.file, err = fileOf(procPath(t.PID, "exe")); err != nil {
		return err
	}
	if t.BuildID, t.Bits, err = identifyExecutable(procPath(t.PID, "exe")); err != nil {
		return err
	}
	command, err := readProc(t.PID, "cmdline")
	if err != nil {
		return err
	}
	t.Command = splitCommand(command)
	status, err := readProc(t.PID, "status")
	if err != nil {
		return err
	}
	uid, uidOK := numberOf(status, "Uid", 1)
	gid, gidOK := numberOf(status, "Gid", 1)
	if !uidOK || !gidOK {
		return errors.New("status names no user")
	}
	t.UID, t.GID = int(uid), int(gid)
	return nil
}

// endedOr says that the target ended when it did: a process that is ending
// gives all kinds of errors.
func (t *Target) endedOr(tried string, err error) error {
	s, statErr := readStat(t.PID)
	if gone(statErr) || statErr == nil && (s.Start != t.Start || s.State == 'Z' || s.State == 'X') {
		err = syscall.ESRCH
	}
	return processError(tried, t.PID, err)
}

// Check says whether the target is still the process that was inspected: nil,
// or an *Error with reason Ended when it ended, became a zombie, when its number
// went to another process, or when it runs another program since (exec).
func (t *Target) Check() error {
	tried := fmt.Sprintf("look after process %d (%s)", t.PID, Printable(t.Name))
	s, err := readStat(t.PID)
	if err != nil {
		return processError(tried, t.PID, err)
	}
	if s.Start != t.Start {
		return &Error{Reason: Ended, Tried: tried,
			Said: "it ended, and its number belongs to another process now",
			Next: "start it again and give its new PID"}
	}
	if s.State == 'Z' || s.State == 'X' {
		return processError(tried, t.PID, syscall.ESRCH)
	}
	file, err := fileOf(procPath(t.PID, "exe"))
	if err != nil {
		return t.endedOr(tried, err)
	}
	if file != t.file {
		return &Error{Reason: Ended, Tried: tried,
			Said: "it runs another program now (exec)",
			Next: "measure again once it has started up"}
	}
	return nil
}

// fileOf gives the identity of the file that a path leads to.
func fileOf(path string) (fileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileID{}, err
	}
	return fileIDOf(info), nil
}

func fileIDOf(info os.FileInfo) fileID {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}
	}
	return fileID{device: uint64(s.Dev), inode: s.Ino}
}

// ownerOf names the user of a process for a message.
func ownerOf(pid int) string {
	info, err := os.Stat("/proc/" + strconv.Itoa(pid))
	if err != nil {
		return "another user"
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "another user"
	}
	return userName(int(s.Uid))
}
