// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// put writes one file of a run.
func put(t *testing.T, f *Folder, name, text string) {
	t.Helper()
	if err := f.Write(name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		t.Fatal(err)
	}
}

// stored writes a whole run of one file and gives its path.
func stored(t *testing.T, dir, text string, o Options) {
	t.Helper()
	f, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, ResultFile, text)
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
}

// tree lists what is below a folder, with the content of its files.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if d.Type().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name += "=" + string(text)
		}
		all = append(all, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRunIsThereWholeOrNotAtAll(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "run")
	f, err := Create(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, "report.md", "# report")
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the run is visible before Commit: %v", err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	want := []string{".", "run", "run/.ipcprobe-run=ipcprobe run 1\nreport.md\n", "run/report.md=# report"}
	if got := tree(t, base); !slices.Equal(got, want) {
		t.Errorf("stored:\n%q\nwant:\n%q", got, want)
	}
	for path, mode := range map[string]os.FileMode{dir: folderMode | os.ModeDir, filepath.Join(dir, "report.md"): fileMode} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), mode)
		}
	}
	if err := f.Abort(); err != nil {
		t.Errorf("abort after commit: %v", err)
	}
	if err := f.Commit(); err == nil {
		t.Error("a second commit succeeded")
	}
	if got := tree(t, base); !slices.Equal(got, want) {
		t.Errorf("after a deferred abort: %q", got)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	f, err := Create("results/run", Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, "report.md", "half")
	for range 2 {
		if err := f.Abort(); err != nil {
			t.Fatal(err)
		}
	}
	if got := tree(t, base); len(got) != 1 {
		t.Errorf("left behind: %q", got)
	}
	if err := f.Write("late", func(io.Writer) error { return nil }); err == nil {
		t.Error("a file was written after the end")
	}
}

func TestAbortKeepsWhatItDidNotMake(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	f, err := Create("results/run", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("results/notes.txt", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, base); !slices.Equal(got, []string{".", "results", "results/notes.txt=mine"}) {
		t.Errorf("left: %q", got)
	}
}

// inTheWay are the places that Create refuses, each with its reason and what
// its message has to say.
func TestCreateRefuses(t *testing.T) {
	tests := []struct {
		name   string
		make   func(t *testing.T, base string)
		dir    string // below base, unless absolute is set
		force  bool
		reason Reason
		said   string
	}{
		{name: "a stored run", make: func(t *testing.T, base string) { stored(t, base+"/run", "{}", Options{}) },
			dir: "run", reason: Exists, said: "--force"},
		{name: "an empty folder without force", make: func(t *testing.T, base string) { mustMkdir(t, base+"/run") },
			dir: "run", reason: Exists, said: "--force"},
		{name: "a link to a folder", make: func(t *testing.T, base string) { mustMkdir(t, base+"/real"); mustLink(t, base+"/real", base+"/run") },
			dir: "run", force: true, reason: Link, said: "symbolic link"},
		{name: "a link that leads nowhere", make: func(t *testing.T, base string) { mustLink(t, base+"/none", base+"/run") },
			dir: "run", force: true, reason: Link, said: "symbolic link"},
		{name: "a file", make: func(t *testing.T, base string) { mustWrite(t, base+"/run", "precious") },
			dir: "run", force: true, reason: Foreign, said: "not a folder"},
		{name: "a folder of somebody", make: func(t *testing.T, base string) { mustMkdir(t, base+"/run"); mustWrite(t, base+"/run/thesis.tex", "x") },
			dir: "run", force: true, reason: Foreign, said: "not a stored run"},
		{name: "a run with somebody's notes", make: func(t *testing.T, base string) {
			stored(t, base+"/run", "{}", Options{})
			mustWrite(t, base+"/run/notes.txt", "x")
		}, dir: "run", force: true, reason: Foreign, said: "notes.txt"},
		{name: "a run with a folder in it", make: func(t *testing.T, base string) {
			stored(t, base+"/run", "{}", Options{})
			mustMkdir(t, base+"/run/sub")
		}, dir: "run", force: true, reason: Foreign, said: "sub"},
		{name: "a manifest that is a link", make: func(t *testing.T, base string) {
			mustMkdir(t, base+"/run")
			mustWrite(t, base+"/m", manifestHead+"\n")
			mustLink(t, base+"/m", base+"/run/"+Manifest)
		}, dir: "run", force: true, reason: Foreign, said: "not a stored run"},
		{name: "a manifest that lists other folders", make: func(t *testing.T, base string) {
			mustMkdir(t, base+"/run")
			mustWrite(t, base+"/run/"+Manifest, manifestHead+"\n../precious\n")
		}, dir: "run", force: true, reason: Foreign, said: "not a stored run"},
		{name: "a parent that is missing", dir: "none/run", reason: NoParent, said: "mkdir -p"},
		{name: "two missing parents", dir: "none/results/run", reason: NoParent, said: "mkdir -p"},
		{name: "a parent that is a file", make: func(t *testing.T, base string) { mustWrite(t, base+"/file", "x") },
			dir: "file/run", reason: NoParent, said: "not a folder"},
		{name: "a name that is too long", dir: strings.Repeat("n", 256), reason: BadName, said: "too long"},
		{name: "the folder itself", dir: ".", reason: BadName, said: "--out"},
		{name: "the folder above", dir: "..", reason: BadName, said: "--out"},
		{name: "no name", dir: "", reason: BadName, said: "--out"},
		{name: "the root", dir: "/", reason: BadName, said: "--out"},
		{name: "a NUL in the name", dir: "a\x00b", reason: BadName, said: "--out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := t.TempDir()
			t.Chdir(base)
			if tt.make != nil {
				tt.make(t, base)
			}
			before := tree(t, base)
			_, err := Create(tt.dir, Options{Force: tt.force})
			var e *Error
			if !errors.As(err, &e) || e.Reason != tt.reason || !strings.Contains(err.Error(), tt.said) {
				t.Fatalf("got %v, want reason %q and %q in the message", err, tt.reason, tt.said)
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "unlinkat") {
				t.Errorf("not one message: %q", err)
			}
			if after := tree(t, base); !slices.Equal(after, before) {
				t.Errorf("changed the place:\n%q\nfrom:\n%q", after, before)
			}
		})
	}
}

func TestLongestNameWorks(t *testing.T) {
	base := t.TempDir()
	name := strings.Repeat("n", 255)
	stored(t, filepath.Join(base, name), "{}", Options{})
	if _, err := os.Stat(filepath.Join(base, name, ResultFile)); err != nil {
		t.Fatal(err)
	}
}

func TestForceReplacesARun(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "run")
	stored(t, dir, "old", Options{})
	stored(t, dir, "new", Options{Force: true})
	want := []string{".", "run", "run/.ipcprobe-run=ipcprobe run 1\nresult.json\n", "run/result.json=new"}
	if got := tree(t, base); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestForceReplacesAnEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	stored(t, dir, "new", Options{Force: true})
	if text, err := os.ReadFile(filepath.Join(dir, ResultFile)); err != nil || string(text) != "new" {
		t.Errorf("got %q, %v", text, err)
	}
}

// What takes the place between Create and Commit is kept, and so is the run.
func TestCommitKeepsTheRunWhenThePlaceIsTaken(t *testing.T) {
	takers := map[string]func(t *testing.T, path string){
		"a folder":         mustMkdir,
		"a file":           func(t *testing.T, path string) { mustWrite(t, path, "precious") },
		"a link":           func(t *testing.T, path string) { mustLink(t, "/etc", path) },
		"somebody's files": func(t *testing.T, path string) { mustMkdir(t, path); mustWrite(t, path+"/x", "precious") },
	}
	for name, take := range takers {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			dir := filepath.Join(base, "run")
			f, err := Create(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			put(t, f, ResultFile, "measured")
			take(t, dir)
			before, err := os.Lstat(dir)
			if err != nil {
				t.Fatal(err)
			}
			err = f.Commit()
			if err == nil {
				t.Fatal("replaced what was there")
			}
			_, kept, ok := strings.Cut(err.Error(), "kept in ")
			if !ok {
				t.Fatalf("the message does not say where the run is: %v", err)
			}
			if text, err := os.ReadFile(filepath.Join(kept, ResultFile)); err != nil || string(text) != "measured" {
				t.Errorf("the run was not kept: %q, %v", text, err)
			}
			after, err := os.Lstat(dir)
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("what was there is gone: %v", err)
			}
			if err := f.Abort(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(kept); err != nil {
				t.Errorf("abort removed the kept run: %v", err)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	base := t.TempDir()
	f, err := Create(filepath.Join(base, "run"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	put(t, f, "taken", "first")
	temp := filepath.Join(base, f.tempName)
	mustWrite(t, base+"/precious", "precious")
	mustLink(t, base+"/precious", temp+"/link")
	for _, name := range []string{"", ".", "..", "../up", "a/b", "/abs", "taken", "link", Manifest, "new\nline", strings.Repeat("n", 256)} {
		if err := f.Write(name, func(w io.Writer) error { _, err := io.WriteString(w, "bad"); return err }); err == nil {
			t.Errorf("wrote %q", name)
		}
	}
	if text, err := os.ReadFile(base + "/precious"); err != nil || string(text) != "precious" {
		t.Errorf("wrote through a link: %q, %v", text, err)
	}
	if text, err := os.ReadFile(temp + "/taken"); err != nil || string(text) != "first" {
		t.Errorf("overwrote a file: %q, %v", text, err)
	}
	if err := os.Remove(temp + "/link"); err != nil {
		t.Fatal(err)
	}
}

func TestFailedWriteLeavesNoFile(t *testing.T) {
	base := t.TempDir()
	f, err := Create(filepath.Join(base, "run"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("out of ink")
	if err := f.Write("half", func(w io.Writer) error { fmt.Fprint(w, "half"); return cause }); !errors.Is(err, cause) {
		t.Fatalf("got %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = f.Write("panicked", func(io.Writer) error { panic("a bug") })
	}()
	put(t, f, "half", "whole")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	want := []string{".", "run", "run/.ipcprobe-run=ipcprobe run 1\nhalf\n", "run/half=whole"}
	if got := tree(t, base); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func mustMkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustLink(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}
