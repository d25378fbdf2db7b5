// SPDX-License-Identifier: Apache-2.0

//go:build linux

package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// leave makes a folder as a killed run leaves it, and gives its name.
func leave(t *testing.T, parent string) string {
	t.Helper()
	f, err := Create(filepath.Join(parent, "killed"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, "report.md", "half")
	f.close() // what the kernel does for a process that is killed
	return f.tempName
}

func TestWhatAKilledRunLeftGoesWithTheNextOne(t *testing.T) {
	parent := t.TempDir()
	name := leave(t, parent)
	if _, err := os.Stat(filepath.Join(parent, name, "report.md")); err != nil {
		t.Fatal(err)
	}
	stored(t, filepath.Join(parent, "run"), "{}", Options{})
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 1 || entries[0].Name() != "run" {
		t.Errorf("left: %v, %v", entries, err)
	}
	for _, file := range tree(t, filepath.Join(parent, "run")) {
		if strings.HasPrefix(file, unfinished) {
			t.Errorf("a stored run holds %s", file)
		}
	}
}

func TestASweepLeavesWhatIsNotSurelyOurs(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, folder string) error{
		"a run that is being written": func(*testing.T, string) error { return nil },
		"no mark":                     func(_ *testing.T, f string) error { return os.Remove(filepath.Join(f, unfinished)) },
		"another's mark": func(_ *testing.T, f string) error {
			return os.WriteFile(filepath.Join(f, unfinished), []byte("mine"), 0o600)
		},
		"a whole run":      func(_ *testing.T, f string) error { return os.WriteFile(filepath.Join(f, Manifest), nil, 0o600) },
		"a folder in it":   func(_ *testing.T, f string) error { return os.Mkdir(filepath.Join(f, "deeper"), 0o700) },
		"a link in it":     func(_ *testing.T, f string) error { return os.Symlink("/etc/passwd", filepath.Join(f, "link")) },
		"others may enter": func(_ *testing.T, f string) error { return os.Chmod(f, 0o755) },
		"another name":     func(_ *testing.T, f string) error { return os.Rename(f, f+"x") },
		"a link to one": func(t *testing.T, f string) error {
			elsewhere := filepath.Join(t.TempDir(), "one")
			if err := os.Rename(f, elsewhere); err != nil {
				return err
			}
			return os.Symlink(elsewhere, f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			f, err := Create(filepath.Join(parent, "other"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			put(t, f, "report.md", "half")
			left := filepath.Join(parent, f.tempName)
			if name != "a run that is being written" {
				f.close()
			}
			if err := spoil(t, left); err != nil {
				t.Fatal(err)
			}
			before := tree(t, parent)
			stored(t, filepath.Join(parent, "run"), "{}", Options{})
			if err := os.RemoveAll(filepath.Join(parent, "run")); err != nil {
				t.Fatal(err)
			}
			if after := tree(t, parent); strings.Join(after, "\n") != strings.Join(before, "\n") {
				t.Errorf("before %q, after %q", before, after)
			}
		})
	}
}

func TestRunsThatAreStoredAtOnceDoNotSweepEachOther(t *testing.T) {
	parent := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 10 {
				f, err := Create(filepath.Join(parent, string(rune('a'+i))+string(rune('a'+j))), Options{})
				if err != nil {
					t.Error(err)
					return
				}
				put(t, f, ResultFile, "{}")
				if err := f.Commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 80 {
		t.Errorf("%d folders of 80, %v", len(entries), err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporary) {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func TestATakenTemporaryFolderIsMadeAnew(t *testing.T) {
	parent, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer parent.Close()
	f := &Folder{path: "run", name: "run", parent: parent}
	if _, err := f.tryTemporary(); err != nil {
		t.Fatal(err)
	}
	// As if a sweep had removed it before it was locked.
	if err := f.unmark(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Remove(f.tempName); err != nil {
		t.Fatal(err)
	}
	held := f.lock
	if locked, err := f.lockTemporary(); locked || err != nil {
		t.Errorf("locked %v, %v", locked, err)
	}
	held.Close()
	f.closeTemporary()
	if err := f.makeTemporary(); err != nil {
		t.Fatal(err)
	}
	if info, err := parent.Lstat(f.tempName); err != nil || info.Mode().Perm() != fs.FileMode(privateMode) {
		t.Errorf("%v, %v", info, err)
	}
	if err := f.Abort(); err != nil {
		t.Error(err)
	}
}
