// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unsafe"
)

// maxText bounds what we read of one file of /proc. The longest, net/unix, has
// some 100 bytes a socket.
const maxText = 64 << 20

// procPath is the path of one file of a process.
func procPath(pid int, name string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + name
}

// readProc reads one file of a process.
func readProc(pid int, name string) ([]byte, error) {
	return readText(procPath(pid, name))
}

// readText reads a file whose size the kernel does not tell, at most maxText.
func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("longer than 64 MiB")}
	}
	return text, err
}

// readStat reads /proc/PID/stat.
func readStat(pid int) (processStat, error) {
	text, err := readProc(pid, "stat")
	if err != nil {
		return processStat{}, err
	}
	return parseStat(text)
}

// gone says whether an error of /proc means that the process is not there (any
// more).
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// refused says whether privileges were missing.
func refused(err error) bool {
	return errors.Is(err, fs.ErrPermission)
}

// tickLength is the length of a clock tick (USER_HZ) in ns: the unit of the
// times in /proc/PID/stat. The kernel gives it in the auxiliary vector; it is
// 10 ms on every architecture we build for.
var tickLength = sync.OnceValue(func() int64 {
	const clockTicks = 17 // AT_CLKTCK
	const usual = 10_000_000
	text, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return usual
	}
	word := int(unsafe.Sizeof(uintptr(0)))
	number := func(b []byte) uint64 {
		if word == 4 {
			return uint64(binary.NativeEndian.Uint32(b))
		}
		return binary.NativeEndian.Uint64(b)
	}
	for ; len(text) >= 2*word; text = text[2*word:] {
		if hz := number(text[word:]); number(text) == clockTicks && hz > 0 && hz <= 1e6 {
			return int64(1e9 / hz)
		}
	}
	return usual
})

// inspecting is what the errors of Inspect say was tried.
func inspecting(pid int) string { return fmt.Sprintf("inspect process %d", pid) }

// processError turns an error that /proc gave for a process into one that the
// user can act on.
func processError(tried string, pid int, err error) *Error {
	switch {
	case gone(err):
		return &Error{Reason: Ended, Tried: tried, Err: err,
			Said: "it ended meanwhile",
			Next: "start it again and give its new PID"}
	case refused(err):
		return &Error{Reason: Forbidden, Tried: tried, Err: err,
			Said: fmt.Sprintf("%s (it belongs to %s)", systemSaid(err), ownerOf(pid)),
			Next: privilegeAdvice()}
	}
	return &Error{Reason: Unreadable, Tried: tried, Said: systemSaid(err), Err: err,
		Next: "check that /proc is mounted and whole"}
}

// privilegeAdvice says how to get the right to look into other processes.
func privilegeAdvice() string {
	if os.Geteuid() != 0 {
		return "run ipcprobe as root (sudo), or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
	}
	return "root is not enough here: this looks like a container without CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH, " +
		"or a process that the system protects; run ipcprobe on the host, or with --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH"
}
