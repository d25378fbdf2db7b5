// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// withoutBTFVariable makes the test binary open the probes where the kernel's type
// information is hidden, with that in a file.
const withoutBTFVariable = "IPCPROBE_TEST_WITHOUT_BTF"

// openWithoutBTF says what came of it, in two lines. The process has mounts of
// its own.
func openWithoutBTF(file string) {
	must(unix.Mount("none", "/sys/kernel/btf", "tmpfs", 0, ""))
	for _, path := range []string{"", file} {
		probes, err := Open(Options{Target: os.Getpid(), TapeBytes: 1, BTF: path})
		if err != nil {
			fmt.Println("refused:", err)
			continue
		}
		fmt.Println("opened on", probes.Rung())
		must(errors.Join(probes.Attach(), probes.Close()))
	}
}

func TestTypesMayComeFromAFile(t *testing.T) {
	kerneltest.Privileged(t)
	types, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "btf")
	if err := os.WriteFile(file, types, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), withoutBTFVariable+"="+file)
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := command.CombinedOutput()
	said := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(said) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.HasPrefix(said[0], "refused: ") || !strings.Contains(said[0], "BTF") || !strings.Contains(said[0], "--btf FILE") {
		t.Errorf("without types: %q, and no word of the remedy", said[0])
	}
	if !strings.HasPrefix(said[1], "opened on ") {
		t.Errorf("with types from a file: %q", said[1])
	}
}

func TestAFileThatHoldsNoTypesIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("no types"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + "x"} {
		if _, err := kernelTypes(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--btf") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
