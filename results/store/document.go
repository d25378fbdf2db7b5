// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WriteFile writes a single file beside the runs, such as v1.0_baseline.md: whole
// or not at all, owned as Options say. A regular file that is there is replaced
// with Force; anything else in the way is refused. Errors are *Error, as those of
// Create, and what write returns.
func WriteFile(dir, name string, o Options, write func(io.Writer) error) (err error) {
	path := filepath.Join(dir, name)
	tried := "write " + shown(path)
	f := &Folder{path: path, name: name, options: o}
	if !validName(name) {
		return &Error{Reason: BadName, Tried: tried, Said: "this can't be the name of a file", Next: "give another --name"}
	}
	if err := f.openParent(tried); err != nil {
		return err
	}
	defer f.close()
	if err := f.checkFile(tried); err != nil {
		return err
	}
	// The folder that is written to is the parent itself.
	temporaryName := temporary + strings.ToLower(rand.Text()[:16])
	f.temp = f.parent
	defer func() { f.temp = nil }() // it is closed once
	if err := f.write(temporaryName, write); err != nil {
		return failed(tried, err)
	}
	err = f.checkFile(tried)
	if err == nil {
		err = f.parent.Rename(temporaryName, name)
	}
	if err != nil {
		_ = f.parent.Remove(temporaryName) // the first error is the one to tell
		return failed(tried, err)
	}
	return nil
}

// checkFile looks at what is where the file is to be.
func (f *Folder) checkFile(tried string) error {
	info, err := f.parent.Lstat(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return failed(tried, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return &Error{Reason: Link, Tried: tried, Said: "a symbolic link is in the way",
			Next: "remove it, or choose another name"}
	case !info.Mode().IsRegular():
		return &Error{Reason: Foreign, Tried: tried, Said: "something that is not a file is in the way",
			Next: "remove it, or choose another name"}
	case !f.options.Force:
		return &Error{Reason: Exists, Tried: tried, Said: "it is there already",
			Next: "choose another name, or replace it with --force"}
	}
	return nil
}

// File is a single file that is written as what it holds comes.
type File struct {
	*os.File
	folder *Folder
}

// CreateFile begins a file where nothing is yet, owned as Options say; Force does
// not count. Errors are *Error, as those of Create.
func CreateFile(path string, o Options) (*File, error) {
	o.Force = false
	tried := "write " + shown(path)
	f := &Folder{path: path, name: filepath.Base(path), options: o}
	if path == "" || strings.HasSuffix(path, string(filepath.Separator)) || !validName(f.name) {
		return nil, &Error{Reason: BadName, Tried: tried, Said: "this can't be the name of a file", Next: "give another one"}
	}
	if err := f.openParent(tried); err != nil {
		return nil, err
	}
	err := f.checkFile(tried)
	if err != nil {
		f.close()
		return nil, err
	}
	file, err := f.parent.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		f.close()
		return nil, failed(tried, err)
	}
	if err := f.giveFile(file); err != nil {
		_ = errors.Join(file.Close(), f.parent.Remove(f.name)) // the first error is the one to tell
		f.close()
		return nil, failed(tried, err)
	}
	return &File{file, f}, nil
}

// Close ends the file.
func (f *File) Close() error {
	err := f.File.Close()
	f.folder.close()
	return err
}

// Discard ends the file and removes it.
func (f *File) Discard() error {
	return errors.Join(f.folder.parent.Remove(f.folder.name), f.Close())
}
