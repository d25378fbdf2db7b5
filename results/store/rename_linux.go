// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameFree is rename(2) that fails when the new name is taken.
func renameFree(parent *os.Root, from, to string) error {
	return rename2(parent, from, to, unix.RENAME_NOREPLACE)
}

// renameExchange swaps two names.
func renameExchange(parent *os.Root, from, to string) error {
	return rename2(parent, from, to, unix.RENAME_EXCHANGE)
}

// rename2 is renameat2(2) (Linux 3.15) within one folder. Some file systems
// know no flags and answer EINVAL.
func rename2(parent *os.Root, from, to string, flags uint) error {
	folder, err := parent.Open(".")
	if err != nil {
		return err
	}
	defer folder.Close()
	fd := int(folder.Fd())
	err = unix.Renameat2(fd, from, fd, to, flags)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return errors.ErrUnsupported
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
