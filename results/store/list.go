// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

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
	root, err := openTrusted(parent)
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
