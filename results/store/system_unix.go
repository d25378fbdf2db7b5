// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// nonblock keeps an open(2) from waiting for the other end of a pipe.
const nonblock = syscall.O_NONBLOCK

// tooLong says whether a name has more bytes than the file system takes.
func tooLong(err error) bool { return errors.Is(err, syscall.ENAMETOOLONG) }

// trustedLink says whether a symbolic link may be followed: when root or we
// ourselves made it. In a folder that others can write to, anybody can make one.
func trustedLink(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && (s.Uid == 0 || int(s.Uid) == os.Geteuid())
}
