// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store

import (
	"errors"
	"syscall"
)

// nonblock keeps an open(2) from waiting for the other end of a pipe.
const nonblock = syscall.O_NONBLOCK

// tooLong says whether a name has more bytes than the file system takes.
func tooLong(err error) bool { return errors.Is(err, syscall.ENAMETOOLONG) }

// notFolder says whether something else is where a folder is to be.
func notFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
