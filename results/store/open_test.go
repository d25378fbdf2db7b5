// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenReadsWhatWasStored(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	stored(t, dir, `{"schema_version":1,"valid":true,"run":{"name":"before"},"added_later":7}`, Options{})
	for _, path := range []string{dir, dir + "/" + ResultFile} {
		r, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Valid || r.Run.Name != "before" {
			t.Errorf("read %+v", r)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name   string
		text   string // of result.json; "" makes none
		reason Reason
		said   string
	}{
		{"a folder without a result", "", NotARun, "no such run"},
		{"no JSON", "hello", NotARun, "damaged at byte 1"},
		{"JSON of something else", `{"name":"x"}`, NotARun, "schema_version"},
		{"a list", `[1]`, NotARun, "the document can't be a array"},
		{"half a file", `{"schema_version":1,"valid":tr`, NotARun, "ends in the middle"},
		{"two documents", `{"schema_version":1}{}`, NotARun, "damaged at byte"},
		{"a version from the future", `{"schema_version":2}`, OtherVersion, "schema_version 2"},
		{"a key of another type", `{"schema_version":1,"run":{},"valid":"yes"}`, NotARun, "valid can't be a string"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.text != "" {
				mustWrite(t, dir+"/"+ResultFile, tt.text)
			}
			_, err := Open(dir)
			if !errors.Is(err, tt.reason) || !strings.Contains(err.Error(), tt.said) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want reason %q and %q", err, tt.reason, tt.said)
			}
		})
	}
	t.Run("a path that does not exist", func(t *testing.T) {
		if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, NotARun) {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add(manifestHead + "\nresult.json\n")
	f.Add(manifestHead + "\n../../etc/passwd\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		files, err := parseManifest(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, name := range files {
			if !validName(name) || filepath.Base(name) != name {
				t.Fatalf("a run may not hold %q", name)
			}
		}
	})
}

func TestManifestComesBack(t *testing.T) {
	f := &Folder{files: []string{"result.json", "report.md"}}
	var text bytes.Buffer
	if err := f.writeManifest(&text); err != nil {
		t.Fatal(err)
	}
	files, err := parseManifest(&text)
	if err != nil || strings.Join(files, " ") != "result.json report.md" {
		t.Errorf("got %q, %v", files, err)
	}
	if _, err := parseManifest(io.LimitReader(endless{}, maxManifest*4)); err == nil {
		t.Error("took an endless list")
	}
}
