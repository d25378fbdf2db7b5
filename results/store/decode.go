// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// MaxResult is the largest result.json that Decode reads, in bytes.
const MaxResult = 64 << 20

// Decode reads a result.json from a stream. It refuses, each with its own words, a
// document larger than MaxResult, one that ends early, one that is no JSON, one that
// is no result, and one of a newer version than this program writes. Keys that it
// doesn't know are passed over. Errors are *Error, NotARun or OtherVersion, or the
// stream's.
func Decode(r io.Reader) (*results.Result, error) {
	doc, err := io.ReadAll(io.LimitReader(r, MaxResult+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ResultFile, err)
	}
	if len(doc) > MaxResult {
		return nil, notARun(fmt.Sprintf("it is longer than %d MiB", MaxResult>>20), nil)
	}
	if len(bytes.TrimSpace(doc)) == 0 {
		return nil, notARun("the file is empty", nil)
	}
	var head struct {
		SchemaVersion *int            `json:"schema_version"`
		Valid         json.RawMessage `json:"valid"`
		Run           json.RawMessage `json:"run"`
	}
	if err := json.Unmarshal(doc, &head); err != nil {
		return nil, notARun(damage(err, doc), err)
	}
	switch v := head.SchemaVersion; {
	case v == nil:
		return nil, notARun("this JSON is no result of ipcprobe: it has no schema_version", nil)
	case *v > results.SchemaVersion:
		return nil, &Error{Reason: OtherVersion, Tried: "read " + ResultFile,
			Said: fmt.Sprintf("a newer ipcprobe wrote it (schema_version %d; this one reads up to %d)", *v, results.SchemaVersion),
			Next: "read it with the ipcprobe that wrote it, or a newer one"}
	case *v < 1:
		return nil, notARun(fmt.Sprintf("it has schema_version %d, which does not exist", *v), nil)
	case head.Run == nil:
		return nil, notARun("this JSON is no result of ipcprobe: it describes no run", nil)
	case head.Valid == nil:
		return nil, notARun("it doesn't say whether it is valid", nil)
	}
	var out results.Result
	if err := json.Unmarshal(doc, &out); err != nil {
		return nil, notARun(damage(err, doc), err)
	}
	return &out, nil
}

func notARun(said string, err error) *Error {
	return &Error{Reason: NotARun, Tried: "read " + ResultFile, Said: said, Err: err,
		Next: "give the folder of a run, or a " + ResultFile + " that ipcprobe wrote"}
}

// damage words what encoding/json found.
func damage(err error, doc []byte) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax) && endsEarly(syntax, doc):
		return fmt.Sprintf("it ends in the middle, after %d bytes", len(doc))
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is damaged at byte %d: %s", syntax.Offset, printable(syntax.Error()))
	case errors.As(err, &kind):
		where := kind.Field
		if where == "" {
			where = "the document"
		}
		return fmt.Sprintf("it is damaged at byte %d: %s can't be a %s", kind.Offset, printable(where), printable(kind.Value))
	}
	return "it is no JSON of ours: " + printable(err.Error())
}

// endsEarly says that the document ends where more should come. In the middle of a
// word or a number encoding/json finds a space there, as if one followed.
func endsEarly(err *json.SyntaxError, doc []byte) bool {
	words := err.Error()
	return words == "unexpected end of JSON input" ||
		strings.HasPrefix(words, "invalid character ' '") && err.Offset >= int64(len(doc)) && doc[len(doc)-1] != ' '
}
