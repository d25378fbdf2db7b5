// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipcprobe/ipcprobe/results"
)

// ResultFile is the file of a run that Open reads.
const ResultFile = "result.json"

// Open reads the result of a stored run, given its folder or its result.json.
// Errors are *Error: NotARun, OtherVersion, Forbidden. What a newer program of
// the same schema version has added is ignored, and what an older one did not write
// yet is absent.
func Open(path string) (*results.Result, error) {
	tried := "read the stored run " + shown(path)
	folder, name := path, ResultFile
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		folder, name = filepath.Dir(path), filepath.Base(path)
	}
	if err != nil {
		return nil, openError(tried, err)
	}
	root, err := openTrusted(folder)
	if err != nil {
		return nil, openError(tried, err)
	}
	defer root.Close()
	file, err := openRegular(root, name)
	if err != nil {
		return nil, openError(tried, err)
	}
	defer file.Close()
	result, err := Decode(file)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Tried = tried
			return nil, e
		}
		return nil, openError(tried, err)
	}
	return result, nil
}

func openError(tried string, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		known.Tried = tried
		return known
	}
	e := &Error{Reason: NotARun, Tried: tried, Said: systemSaid(err), Err: err,
		Next: "give the folder of a run, or its " + ResultFile}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Said = "there is no such run (" + systemSaid(err) + ")"
	case errors.Is(err, fs.ErrPermission):
		e.Reason = Forbidden
		e.Next = "read it as the user who measured it, or as root"
	}
	return e
}
