// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// rivalVariable makes this test binary the process that gets in the way; it names
// the folder, and behind a colon the victim.
const rivalVariable = "IPCPROBE_TEST_RIVAL"

// TestARivalLeadsNothingElsewhere has another user, to whom the parent folder
// belongs, put links, hard links and fifos in the way of root, who writes runs and
// reads them all the while. Each run is stored whole or refused; the victim, which
// only root may write to and read, stays as it is and is in no run.
func TestARivalLeadsNothingElsewhere(t *testing.T) {
	if way := os.Getenv(rivalVariable); way != "" {
		rival(way)
		return
	}
	kerneltest.Root(t)
	base := t.TempDir()
	for f := base; f != os.TempDir() && f != "/"; f = filepath.Dir(f) {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const secret = "only root may see this"
	victims := base + "/victims"
	mustMkdir(t, victims)
	for _, name := range []string{ResultFile, Manifest, "report.md"} {
		if err := os.WriteFile(victims+"/"+name, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shared := base + "/shared"
	mustMkdir(t, shared)
	if err := os.Chown(shared, otherUID, otherGID); err != nil {
		t.Fatal(err)
	}
	program := base + "/rival"
	if binary, err := os.ReadFile(os.Args[0]); err != nil || os.WriteFile(program, binary, 0o755) != nil {
		t.Fatal("copy the test", err)
	}
	other := exec.Command(program, "-test.run=^TestARivalLeadsNothingElsewhere$")
	other.Env = append(os.Environ(), rivalVariable+"="+shared+":"+victims)
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUID, Gid: otherGID}}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	kept, refused := 0, 0
	for i := range 400 {
		err := storeAndRead(shared+"/run", fmt.Sprint("round ", i), secret)
		switch {
		case err == nil:
			kept++
		case errors.Is(err, errLeaked):
			t.Fatal(err)
		default:
			refused++
		}
	}
	t.Logf("%d runs stored and read, %d refused", kept, refused)
	if refused == 0 {
		t.Error("the rival was never in the way: nothing was tried")
	}
	entries, err := os.ReadDir(victims)
	if err != nil || len(entries) != 3 {
		t.Errorf("the victims are %v: %v", entries, err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(victims + "/" + entry.Name())
		info, statErr := entry.Info()
		if err != nil || statErr != nil || string(text) != secret || info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s was changed: %q, %v, %v", entry.Name(), text, info, err)
		}
	}
}

var errLeaked = errors.New("what root alone may read was read")

// storeAndRead writes one run over whatever is there, and reads what is then there.
func storeAndRead(path, text, secret string) error {
	f, err := Create(path, Options{Force: true, UID: otherUID, GID: otherGID})
	if err != nil {
		return err
	}
	for _, name := range []string{ResultFile, "report.md"} {
		if err := f.Write(name, func(w io.Writer) error { _, err := io.WriteString(w, `{"text":"`+text+`"}`); return err }); err != nil {
			return errors.Join(err, f.Abort())
		}
	}
	if err := f.Commit(); err != nil {
		return errors.Join(err, f.Abort())
	}
	run, err := OpenFiles(path)
	if err != nil {
		return err
	}
	defer run.Close()
	for _, name := range []string{ResultFile, "report.md"} {
		file, err := run.Open(name)
		if err != nil {
			return err
		}
		got, err := io.ReadAll(io.LimitReader(file, 1<<20))
		file.Close()
		if strings.Contains(string(got), secret) {
			return fmt.Errorf("%w: in %s", errLeaked, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rival swaps what is in the folder for links, hard links and fifos, until it is
// killed; bounded, should nobody do so.
func rival(way string) {
	folder, victims, _ := strings.Cut(way, ":")
	trap := folder + "/trap"
	for i := range 2_000_000 {
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries {
			path := folder + "/" + entry.Name()
			_ = os.Rename(path, trap)
			switch i % 5 {
			case 0:
				_ = os.Symlink(victims, path)
			case 1:
				_ = syscall.Mkfifo(path, 0o666)
			case 2:
				_ = os.Mkdir(path, 0o777)
				for _, name := range []string{ResultFile, Manifest, "report.md"} {
					_ = os.Symlink(victims+"/"+name, path+"/"+name)
					_ = os.Link(victims+"/"+name, path+"/"+name)
				}
			case 3:
				_ = os.Mkdir(path, 0o777)
				_ = syscall.Mkfifo(path+"/"+ResultFile, 0o666)
			case 4:
				_ = os.Rename(trap, path)
			}
			_ = os.RemoveAll(trap)
			if i%3 == 0 {
				_ = os.RemoveAll(path)
			}
		}
	}
}
