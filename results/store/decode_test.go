// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
)

const smallest = `{"schema_version":1,"valid":true,"run":{}}`

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	for name, row := range map[string]struct {
		doc    io.Reader
		reason Reason
		want   string
	}{
		"empty":            {strings.NewReader(" \n"), NotARun, "the file is empty"},
		"truncated":        {strings.NewReader(smallest[:len(smallest)/2]), NotARun, "ends in the middle, after 21 bytes"},
		"no JSON":          {strings.NewReader("PK\x03\x04"), NotARun, "damaged at byte 1"},
		"bytes after it":   {strings.NewReader(smallest + "x"), NotARun, "damaged at byte 43"},
		"a list":           {strings.NewReader("[1]"), NotARun, "the document can't be a array"},
		"another document": {strings.NewReader(`{"name":"x"}`), NotARun, "no schema_version"},
		"a comparison":     {strings.NewReader(`{"schema_version":1,"valid":true,"metrics":[]}`), NotARun, "describes no run"},
		"newer":            {strings.NewReader(`{"schema_version":7,"valid":"since then in words"}`), OtherVersion, "a newer ipcprobe wrote it (schema_version 7"},
		"version 0":        {strings.NewReader(`{"schema_version":0,"valid":true,"run":{}}`), NotARun, "schema_version 0, which does not exist"},
		"half a version":   {strings.NewReader(`{"schema_version":1.5,"valid":true,"run":{}}`), NotARun, "schema_version can't be a number 1.5"},
		"unsaid validity":  {strings.NewReader(`{"schema_version":1,"run":{}}`), NotARun, "whether it is valid"},
		"a word for a pid": {strings.NewReader(`{"schema_version":1,"valid":true,"run":{},"target":{"pid":"one"}}`), NotARun, "target.pid can't be a string"},
		"too large a pid":  {strings.NewReader(`{"schema_version":1,"valid":true,"run":{},"target":{"pid":1` + strings.Repeat("0", 9000) + `}}`), NotARun, "target.pid can't be a number 1000"},
		"too deep":         {strings.NewReader(`{"schema_version":1,"valid":true,"run":` + strings.Repeat("[", 100_000)), NotARun, "it is"},
		"terminal's words": {strings.NewReader("{\"schema_version\":1,\x1b[2J"), NotARun, "damaged at byte 21"},
		"endless":          {io.MultiReader(strings.NewReader(`{"a":"`), endless{}), NotARun, "longer than 64 MiB"},
		"unreadable":       {failing{}, "", "no luck"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decode(row.doc)
			if err == nil || r != nil {
				t.Fatalf("read as %+v", r)
			}
			said := err.Error()
			if !strings.Contains(said, row.want) || row.reason != "" && !errors.Is(err, row.reason) {
				t.Errorf("%q, want …%s… and %q", said, row.want, row.reason)
			}
			if len(said) > 400 || strings.ContainsFunc(said, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("no message for a terminal: %d bytes, %q", len(said), said)
			}
		})
	}
}

// endless is a file that never ends.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no luck") }

func FuzzDecode(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add([]byte(`{"schema_version":1,"valid":true,"warnings":["x"],"run":{"slices":null}}`))
	f.Add([]byte(`{"schema_version":1e3}`))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Decode(bytes.NewReader(text))
		if (r == nil) == (err == nil) {
			t.Fatalf("got %v and %v", r, err)
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q", err)
		}
	})
}
