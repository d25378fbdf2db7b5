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
		root, err = openTrusted(path)
	}
	if err != nil {
		return nil, openError("read the stored run "+shown(path), err)
	}
	return &Reader{root}, nil
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
