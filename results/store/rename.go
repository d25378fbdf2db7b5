// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"
)

// renameNew renames a folder to a name that must be free.
func renameNew(parent *os.Root, from, to string) error {
	if err := renameFree(parent, from, to); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return renameInSteps(parent, from, to)
}

// renameInSteps is for systems and file systems without renameat2: the name is
// looked at first. What comes in between is safe all the same: rename(2) itself
// puts a folder only on the name of an empty folder.
func renameInSteps(parent *os.Root, from, to string) error {
	if _, err := parent.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	return parent.Rename(from, to)
}

// exchange puts folder from in the place of folder to, and gives the name that
// the latter has then.
func exchange(parent *os.Root, from, to string) (old string, err error) {
	if err := renameExchange(parent, from, to); !errors.Is(err, errors.ErrUnsupported) {
		return from, err
	}
	return exchangeInSteps(parent, from, to)
}

// exchangeInSteps is the same with two renames. There is a moment without
// either; where the second one fails the first is taken back.
func exchangeInSteps(parent *os.Root, from, to string) (old string, err error) {
	old = temporary + strings.ToLower(rand.Text()[:16])
	if err := renameInSteps(parent, to, old); err != nil {
		return "", err
	}
	if err := renameInSteps(parent, from, to); err != nil {
		return "", errors.Join(err, renameInSteps(parent, old, to))
	}
	return old, nil
}
