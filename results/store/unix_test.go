// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

const (
	otherUID = 65533
	otherGID = 65532
)

func TestRunBelongsToTheCaller(t *testing.T) {
	kerneltest.Root(t)
	base := t.TempDir()
	t.Chdir(base)
	stored(t, "results/run", "{}", Options{UID: otherUID, GID: otherGID})
	for _, path := range []string{"results", "results/run", "results/run/" + ResultFile, "results/run/" + Manifest} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		s := info.Sys().(*syscall.Stat_t)
		if s.Uid != otherUID || s.Gid != otherGID {
			t.Errorf("%s belongs to %d:%d", path, s.Uid, s.Gid)
		}
	}
}

func TestCreateRefusesALinkOfSomebodyElse(t *testing.T) {
	kerneltest.Root(t)
	base := t.TempDir()
	mustMkdir(t, base+"/real")
	mustLink(t, base+"/real", base+"/results")
	stored(t, base+"/results/ours", "{}", Options{}) // a link of root's is followed
	if err := os.Lchown(base+"/results", otherUID, otherGID); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(base+"/results/run", Options{}); !errors.Is(err, Link) {
		t.Errorf("got %v", err)
	}
}

// TestALinkOnTheWayOfSomebodyElseIsRefused: not only in the folder's own place.
func TestALinkOnTheWayOfSomebodyElseIsRefused(t *testing.T) {
	kerneltest.Root(t)
	base := t.TempDir()
	mustMkdir(t, base+"/real")
	mustMkdir(t, base+"/real/deep")
	mustMkdir(t, base+"/way")
	mustLink(t, "../real", base+"/way/link")
	mustLink(t, base+"/way/./link/deep", base+"/again")
	stored(t, base+"/real/deep/ours", `{"schema_version":1}`, Options{})
	try := func() map[string]error {
		run, createErr := Create(base+"/way/link/deep/run", Options{})
		if createErr == nil {
			createErr = run.Abort()
		}
		file, fileErr := CreateFile(base+"/again/file", Options{})
		if fileErr == nil {
			fileErr = file.Discard()
		}
		folder, parentErr := Create(base+"/again/results/run", Options{})
		if parentErr == nil {
			parentErr = folder.Abort()
		}
		_, openErr := Open(base + "/again/ours")
		_, listErr := List(base + "/way/link/deep")
		return map[string]error{"create": createErr, "a file": fileErr, "a parent that is made": parentErr, "open": openErr, "list": listErr}
	}
	for what, err := range try() {
		if errors.Is(err, Link) || err != nil && what != "open" {
			t.Errorf("%s, through links of root's: %v", what, err)
		}
	}
	if err := os.Lchown(base+"/way/link", otherUID, otherGID); err != nil {
		t.Fatal(err)
	}
	for what, err := range try() {
		if !errors.Is(err, Link) {
			t.Errorf("%s, through a link of somebody else's: %v", what, err)
		}
	}
	entries, err := os.ReadDir(base + "/real/deep")
	if err != nil || len(entries) != 1 {
		t.Errorf("there is %v, %v", entries, err)
	}
}

func TestLinksThatNeverEnd(t *testing.T) {
	base := t.TempDir()
	mustLink(t, "b/x", base+"/a")
	mustLink(t, "a", base+"/b")
	if _, err := Create(base+"/a/run", Options{}); err == nil || !strings.Contains(err.Error(), "too many levels of symbolic links") {
		t.Errorf("got %v", err)
	}
}

// TestAFileIsTheCallers: one that is written as it comes is owned as a run's are.
func TestAFileIsTheCallers(t *testing.T) {
	kerneltest.Root(t)
	path := t.TempDir() + "/record"
	file, err := CreateFile(path, Options{UID: otherUID, GID: otherGID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if owner.Uid != otherUID || owner.Gid != otherGID || info.Mode() != fileMode {
		t.Errorf("%v, of %d:%d", info.Mode(), owner.Uid, owner.Gid)
	}
	if _, err := CreateFile(path, Options{Force: true}); !errors.Is(err, Exists) {
		t.Errorf("over what is there: %v", err)
	}
	for reason, name := range map[Reason]string{NoParent: "/none/x", BadName: "/"} {
		if _, err := CreateFile(filepath.Dir(path)+name, Options{}); !errors.Is(err, reason) {
			t.Errorf("%s: %v, want %v", name, err, reason)
		}
	}
}

func TestReadingRefusesALinkOfSomebodyElse(t *testing.T) {
	kerneltest.Root(t)
	base := t.TempDir()
	stored(t, base+"/real", `{"schema_version":1}`, Options{})
	mustLink(t, base+"/real", base+"/link")
	for _, path := range []string{base + "/link", base + "/link/" + ResultFile} {
		if _, err := Open(path); errors.Is(err, Link) {
			t.Errorf("%s, through a link of root's: %v", path, err)
		}
	}
	if err := os.Lchown(base+"/link", otherUID, otherGID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{base + "/link", base + "/link/" + ResultFile} {
		if _, err := Open(path); !errors.Is(err, Link) {
			t.Errorf("open %s: %v", path, err)
		}
		if _, err := OpenFiles(path); !errors.Is(err, Link) {
			t.Errorf("open the files of %s: %v", path, err)
		}
	}
}

func TestPipesAreRefusedWithoutWaiting(t *testing.T) {
	base := t.TempDir()
	if err := syscall.Mkfifo(base+"/run", 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(base+"/run", Options{Force: true}); !errors.Is(err, Foreign) {
		t.Errorf("create: got %v", err)
	}
	mustMkdir(t, base+"/other")
	if err := syscall.Mkfifo(base+"/other/"+ResultFile, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(base+"/other/"+Manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(base+"/other", Options{Force: true}); !errors.Is(err, Foreign) {
		t.Errorf("create over a folder: got %v", err)
	}
	if _, err := Open(base + "/other"); !errors.Is(err, NotARun) {
		t.Errorf("open: got %v", err)
	}
	f, err := Create(base+"/new", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(base, f.tempName, "report.md"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Write("report.md", func(io.Writer) error { return nil }); err == nil {
		t.Error("wrote into a pipe")
	}
	if err := os.Remove(filepath.Join(base, f.tempName, "report.md")); err != nil {
		t.Fatal(err)
	}
	if err := f.Abort(); err != nil {
		t.Error(err)
	}
}

// The test binary runs itself as another user: root may write anywhere.
func TestFolderThatCannotBeWritten(t *testing.T) {
	if dir := os.Getenv("STORE_TEST_DIR"); dir != "" {
		_, err := Create(dir, Options{})
		if !errors.Is(err, Forbidden) || !strings.Contains(err.Error(), "permission denied") || !strings.Contains(err.Error(), "--out") {
			t.Fatalf("got %v", err)
		}
		return
	}
	base := t.TempDir()
	if os.Geteuid() != 0 {
		t.Setenv("STORE_TEST_DIR", base+"/run")
		if err := os.Chmod(base, 0o500); err != nil {
			t.Fatal(err)
		}
		TestFolderThatCannotBeWritten(t)
		return
	}
	// Everybody may go through the folders above, nobody may write to base.
	for dir := base; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(base, "store.test")
	copyFile(t, os.Args[0], binary)
	cmd := exec.Command(binary, "-test.run=^TestFolderThatCannotBeWritten$")
	cmd.Dir = base
	cmd.Env = append(os.Environ(), "STORE_TEST_DIR="+base+"/run")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUID, Gid: otherGID}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o755); err != nil {
		t.Fatal(err)
	}
}

// The road without renameat2, which other systems and some file systems take.
func TestExchangeInSteps(t *testing.T) {
	base := t.TempDir()
	mustMkdir(t, base+"/new")
	mustMkdir(t, base+"/old")
	mustWrite(t, base+"/old/x", "old")
	root, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	moved, err := exchangeInSteps(root, "new", "old")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(base, moved, "x")); err != nil || string(text) != "old" {
		t.Errorf("the old one is not in %s: %q, %v", moved, text, err)
	}
	if err := renameInSteps(root, "old", moved); !errors.Is(err, os.ErrExist) {
		t.Errorf("renamed onto a name that is taken: %v", err)
	}
}

// A pipe that takes a folder's place between a look and its opening must not make
// us wait for its other end.
func TestNoPipeInAFoldersPlaceIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	parent, err := os.OpenRoot(dir + asFolder)
	if err != nil {
		t.Fatal(err)
	}
	defer parent.Close()
	for name, open := range map[string]func() error{
		"by path":    func() error { _, err := os.OpenRoot(dir + "/pipe" + asFolder); return err },
		"in another": func() error { _, err := parent.OpenRoot("pipe" + asFolder); return err },
	} {
		done := make(chan error, 1)
		go func() { done <- open() }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s: a pipe was opened as a folder", name)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: it waits for the pipe's other end", name)
		}
	}
}
