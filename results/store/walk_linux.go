// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mostLinks is how many links a path may lead through, as the kernel has it.
const mostLinks = 40

// openTrusted opens a folder, one part of its path after the other, each through the
// descriptor of the one before. A link on the way is followed if it is ours or
// root's: in a folder that others can write to anybody can make one, and lead root
// elsewhere with it. Errors are *Error with reason Link, and those of the system.
func openTrusted(path string) (*os.Root, error) {
	at, err := place(path)
	if err != nil {
		return nil, err
	}
	defer func() { unix.Close(at) }()
	parts, links := split(path), 0
	for len(parts) > 0 {
		name := parts[0]
		parts = parts[1:]
		fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		target, err := linkTarget(fd, path)
		if err != nil {
			unix.Close(fd)
			return nil, err
		}
		if target == "" {
			unix.Close(at)
			at = fd
			continue
		}
		unix.Close(fd)
		if links++; links > mostLinks {
			return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
		}
		if filepath.IsAbs(target) {
			unix.Close(at)
			if at, err = place(target); err != nil {
				return nil, err
			}
		}
		parts = append(split(target), parts...)
	}
	var found unix.Stat_t
	if err := unix.Fstat(at, &found); err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if found.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}
	}
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", at))
}

// place opens where a path begins.
func place(path string) (int, error) {
	begin := "."
	if filepath.IsAbs(path) {
		begin = "/"
	}
	fd, err := unix.Open(begin, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: begin, Err: err}
	}
	return fd, nil
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// linkTarget is where what was opened leads to, if it is a link, and may be followed.
func linkTarget(fd int, path string) (string, error) {
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if is.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", nil
	}
	if is.Uid != 0 && int(is.Uid) != os.Geteuid() {
		return "", somebodysLink(path)
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", target)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return string(target[:n]), nil
}
