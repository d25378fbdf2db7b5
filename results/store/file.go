// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WriteFile writes one file beside the runs, whole or not at all, under the rules of
// Create: a link in the way is refused, and a file that is there is replaced only
// with Force, or if it begins with head, which marks it as one that we made of
// something that can be made again. head empty marks none.
func WriteFile(path, head string, o Options, write func(io.Writer) error) error {
	tried := "write " + shown(path)
	clean := filepath.Clean(path)
	f := &Folder{path: clean, name: filepath.Base(clean), options: o}
	if path == "" || strings.ContainsRune(path, 0) || !validName(f.name) {
		return &Error{Reason: BadName, Tried: tried, Said: "this can't be the name of a file", Next: "give another name"}
	}
	if err := f.openParent(tried); err != nil {
		return err
	}
	defer f.close()
	if err := f.mayReplace(tried, head); err != nil {
		return err
	}
	if err := f.makeTemporary(); err != nil {
		return failed(tried, err)
	}
	err := f.write(f.name, write)
	if err == nil {
		err = f.parent.Rename(f.tempName+"/"+f.name, f.name)
	}
	if err != nil {
		_ = f.temp.Remove(f.name) // it may not be there
	}
	if left := f.parent.Remove(f.tempName); err == nil {
		err = left
	}
	if err != nil {
		return failed(tried, err)
	}
	return nil
}

// mayReplace looks at what is where the file is to be.
func (f *Folder) mayReplace(tried, head string) error {
	info, err := f.parent.Lstat(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return failed(tried, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return &Error{Reason: Link, Tried: tried, Said: "a symbolic link is in the way", Next: "remove it"}
	case !info.Mode().IsRegular():
		return &Error{Reason: Foreign, Tried: tried, Said: "something that is not a file is in the way", Next: "remove it"}
	case f.options.Force:
		return nil
	}
	file, err := openRegular(f.parent, f.name)
	if err != nil {
		return failed(tried, err)
	}
	defer file.Close()
	begins := make([]byte, len(head))
	if n, _ := io.ReadFull(bufio.NewReader(file), begins); head == "" || string(begins[:n]) != head {
		return &Error{Reason: Exists, Tried: tried, Said: "a file that is not ours to replace is there already",
			Next: "remove it, or replace it with --force"}
	}
	return nil
}

// Entry is one folder of List.
type Entry struct {
	Name string // of the folder
	Path string
	Err  error // why it can't be read, though it looks like a run; else nil
}

// List gives the folders below a parent that hold a result.json, in
// the order of their names. What has none is no run and not listed.
func List(parent string) ([]Entry, error) {
	tried := "list the runs in " + shown(parent)
	root, err := os.OpenRoot(parent)
	if err != nil {
		e := openError(tried, err)
		if errors.Is(err, fs.ErrNotExist) {
			e.Said, e.Next = fmt.Sprintf("there is no folder %s", shown(parent)), "give the folder that holds the runs"
		}
		return nil, e
	}
	defer root.Close()
	folder, err := root.Open(".")
	if err != nil {
		return nil, openError(tried, err)
	}
	defer folder.Close()
	entries, err := folder.ReadDir(-1)
	if err != nil {
		return nil, openError(tried, err)
	}
	var out []Entry
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), temporary) {
			continue
		}
		if _, err := root.Lstat(e.Name() + "/" + ResultFile); err == nil {
			out = append(out, Entry{Name: e.Name(), Path: filepath.Join(parent, e.Name())})
		} else if errors.Is(err, fs.ErrPermission) {
			out = append(out, Entry{Name: e.Name(), Path: filepath.Join(parent, e.Name()), Err: openError("read "+shown(e.Name()), err)})
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
