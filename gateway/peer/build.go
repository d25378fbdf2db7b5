// SPDX-License-Identifier: Apache-2.0

//go:build unix

package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// Build compiles one of the peers in src, unless it is there and fresh, and
// returns the path of the program.
func Build(tb testing.TB, name string) string {
	tb.Helper()
	dir := folder(tb, "peer")
	compile(tb, dir, "gateway/peer", "DIR="+dir, name)
	return filepath.Join(dir, name)
}

// Variant is Build with other settings of the Makefile, as CC=musl-gcc; the variant's
// name is that of its folder.
func Variant(tb testing.TB, variant, name string, settings ...string) string {
	tb.Helper()
	dir := folder(tb, "peer-"+variant)
	compile(tb, dir, "gateway/peer", append([]string{"DIR=" + dir, name}, settings...)...)
	return filepath.Join(dir, name)
}

// Reference does the same for the reference gateway of a build ("v1"); the
// program is named ipc-gateway-v1.
func Reference(tb testing.TB, build string) string {
	tb.Helper()
	return reference(tb, build, folder(tb, "reference"))
}

// Sanitized is Reference with the compiler's checks for bad accesses, undefined
// behaviour and leaks built in: the program then ends with a failure, and says
// why, when it does any of these.
func Sanitized(tb testing.TB, build string) string {
	tb.Helper()
	return reference(tb, build, folder(tb, "sanitized"),
		"CFLAGS=-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all")
}

func reference(tb testing.TB, build, dir string, settings ...string) string {
	tb.Helper()
	path := filepath.Join(dir, "ipc-gateway-"+build)
	args := append([]string{"BIN=" + dir, "OBJ=" + filepath.Join(dir, "objects")}, settings...)
	compile(tb, dir, "gateway/reference", append(args, path)...)
	return path
}

// root is the repository's top folder.
func root() string {
	_, self, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(self), "..", "..")
}

// folder makes and returns a folder for what tests build.
func folder(tb testing.TB, name string) string {
	tb.Helper()
	dir := filepath.Join(root(), "build", "test", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatalf("make a folder for the peers: %v", err)
	}
	return dir
}

// compile runs the Makefile of a folder of the repository. Tests of several
// packages run at once, so only one make at a time works in dir.
func compile(tb testing.TB, dir, source string, args ...string) {
	tb.Helper()
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		tb.Fatalf("lock %s: %v", dir, err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		tb.Fatalf("lock %s: %v", dir, err)
	}
	args = append([]string{"-s", "-C", filepath.Join(root(), source)}, args...)
	cmd := exec.Command("make", args...)
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKEOVERRIDES=")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return
	}
	text := fmt.Sprintf("make %s: %v\n%s", strings.Join(args, " "), err, out)
	kerneltest.Skip(tb, text)
}
