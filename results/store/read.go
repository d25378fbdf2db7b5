// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Reader reads the files of a stored run by their names.
type Reader struct{ root *os.Root }

// OpenFiles opens the folder of a stored run, given as to Open. Errors are
// *Error: NotARun, Forbidden.
func OpenFiles(path string) (*Reader, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	var root *os.Root
	if err == nil {
		root, err = openPlace(path)
	}
	if err != nil {
		return nil, openError("read the stored run "+shown(path), err)
	}
	return &Reader{root}, nil
}

// openPlace opens the folder of a run to read it. A link to it is followed if it is
// ours or root's, as on the way to write: somebody else's could lead root to what
// only root may read. The folder that is opened is the one that was looked at.
func openPlace(path string) (*os.Root, error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if !trustedLink(info) {
			return nil, &Error{Reason: Link, Said: shown(path) + " is a symbolic link that belongs to somebody else",
				Next: "give the folder that it leads to"}
		}
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path + asFolder)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err != nil || !os.SameFile(opened, info) {
		return nil, errors.Join(&Error{Reason: Link, Err: err, Said: shown(path) + " was replaced while it was opened",
			Next: "find out who does that, or copy the run to a folder of your own"}, root.Close())
	}
	return root, nil
}

// Open opens one file. A link, a fifo or anything but a regular file is refused;
// a file that isn't there is fs.ErrNotExist.
func (r *Reader) Open(name string) (io.ReadCloser, error) {
	return openFile(r.root, name)
}

// List gives the names of the run's files, as its manifest has them. The folder of
// a run that has none lists nothing.
func (r *Reader) List() ([]string, error) {
	file, err := openRegular(r.root, Manifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseManifest(file)
}

// Close lets go of the folder.
func (r *Reader) Close() error { return r.root.Close() }

// Open opens a file that Write has written, before Commit.
func (f *Folder) Open(name string) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, fs.ErrClosed
	}
	return openFile(f.temp, name)
}

func openFile(root *os.Root, name string) (io.ReadCloser, error) {
	if !validName(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	file, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	return file, nil
}
