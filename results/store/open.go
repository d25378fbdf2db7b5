// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipcprobe/ipcprobe/results"
)

// ResultFile is the file of a run that Open reads.
const ResultFile = "result.json"

// MaxResult is the largest result.json that Open reads, in bytes.
const MaxResult = 64 << 20

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
	root, err := openPlace(folder)
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

// Decode reads a result.json from a stream, as Open does.
func Decode(r io.Reader) (*results.Result, error) {
	notARun := func(said string, err error) *Error {
		return &Error{Reason: NotARun, Tried: "read " + ResultFile, Said: said, Err: err,
			Next: "give the folder of a run, or a " + ResultFile + " that ipcprobe wrote"}
	}
	text, err := io.ReadAll(io.LimitReader(r, MaxResult+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxResult {
		return nil, notARun(fmt.Sprintf("it is longer than %d MiB", MaxResult>>20), nil)
	}
	var version struct {
		SchemaVersion *int `json:"schema_version"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, notARun("it is no JSON of ours ("+err.Error()+")", err)
	}
	if version.SchemaVersion == nil {
		return nil, notARun("it has no schema_version", nil)
	}
	switch v := *version.SchemaVersion; {
	case v < 1:
		return nil, notARun(fmt.Sprintf("it has schema_version %d, which does not exist", v), nil)
	case v > results.SchemaVersion:
		return nil, &Error{Reason: OtherVersion, Tried: "read " + ResultFile,
			Said: fmt.Sprintf("it has schema_version %d, and this ipcprobe reads up to %d", v, results.SchemaVersion),
			Next: "read it with the ipcprobe that wrote it, or a newer one"}
	}
	var result results.Result
	if err := json.Unmarshal(text, &result); err != nil {
		return nil, notARun("it is no JSON of ours ("+err.Error()+")", err)
	}
	return &result, nil
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
