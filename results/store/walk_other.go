// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package store

import (
	"errors"
	"io/fs"
	"os"
)

// openTrusted opens a folder, and no link in its place; those on the way to it are
// not looked at here. The folder that is opened is the one that was looked at.
func openTrusted(path string) (*os.Root, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, somebodysLink(path)
	}
	root, err := os.OpenRoot(path + asFolder)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err != nil || !os.SameFile(opened, info) {
		return nil, errors.Join(&Error{Reason: Link, Err: err, Said: shown(path) + " was replaced while it was opened",
			Next: "find out who does that, or use a folder of your own"}, root.Close())
	}
	return root, nil
}
