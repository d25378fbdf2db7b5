// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	if err := WriteFile(dir, "a.md", Options{}, text("one")); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := WriteFile(dir, "a.md", Options{}, text("two")); !errors.As(err, &e) || e.Reason != Exists {
		t.Errorf("a second file over the first: %v", err)
	}
	wrong := errors.New("no more words")
	if err := WriteFile(dir, "a.md", Options{Force: true}, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return wrong }); !errors.Is(err, wrong) {
		t.Errorf("the writer's error is lost: %v", err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "a.md")); string(got) != "one" {
		t.Errorf("it holds %q after a failure", got)
	}
	if err := WriteFile(dir, "a.md", Options{Force: true}, text("three")); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "a.md")); string(got) != "three" {
		t.Errorf("it holds %q", got)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
}

func TestNothingIsWrittenThroughWhatIsInTheWay(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	if err := errors.Join(os.WriteFile(outside, []byte("mine"), 0o600), os.Symlink(outside, filepath.Join(dir, "link")),
		syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600), os.Mkdir(filepath.Join(dir, "folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for name, reason := range map[string]Reason{"link": Link, "fifo": Foreign, "folder": Foreign, "a/b": BadName, "..": BadName} {
		var e *Error
		err := WriteFile(dir, name, Options{Force: true}, func(w io.Writer) error { _, err := io.WriteString(w, "ours"); return err })
		if !errors.As(err, &e) || e.Reason != reason {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, _ := os.ReadFile(outside); string(got) != "mine" {
		t.Errorf("a file outside holds %q", got)
	}
}
