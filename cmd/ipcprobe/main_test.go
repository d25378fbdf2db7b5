// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// selfVariable makes the test binary be ipcprobe. Its load child is told apart
// by its first argument, because a started command inherits the environment.
const selfVariable = "IPCPROBE_TEST_SELF"

func TestMain(m *testing.M) {
	if os.Getenv(selfVariable) != "" || len(os.Args) > 1 && os.Args[1] == "load" {
		os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
	}
	if way := os.Getenv(shortSuiteVariable); way != "" {
		os.Exit(shortSuite(way))
	}
	os.Exit(m.Run())
}

// outcome is how one command line of ipcprobe ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// command is ipcprobe with these arguments, as a process of its own.
func command(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), selfVariable+"=1")
	return c
}

func ipcprobe(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	c := command(args...)
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// measureJSON runs `ipcprobe run` and returns result.json, which must come
// with the wanted exit code.
func measureJSON(t *testing.T, wantCode int, args ...string) *results.Result {
	t.Helper()
	kerneltest.Privileged(t)
	args = append([]string{"run", "--format", "json", "--out", filepath.Join(t.TempDir(), "run")}, args...)
	got := ipcprobe(t, args...)
	if got.code != wantCode {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got.code, wantCode, got.stdout, got.stderr)
	}
	var r results.Result
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatalf("%v in:\n%s", err, got.stdout)
	}
	return &r
}

// startPeer starts a test peer that listens on a socket of its own.
func startPeer(t *testing.T, name string, args ...string) (p *peer.Process, socket string) {
	t.Helper()
	socket = filepath.Join(openFolder(t), "s")
	return peer.Start(t, "ready", peer.Build(t, name), append(args, "--socket", socket)...), socket
}

// startForeign starts the gateway that shares nothing with the reference.
func startForeign(t *testing.T) *peer.Process {
	t.Helper()
	return peer.Start(t, "[gw] listening", peer.Build(t, "foreign"), filepath.Join(openFolder(t), "s"))
}

// openFolder is a temporary folder that everybody may enter.
func openFolder(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	// The load generator runs as nobody and has to get there.
	for f := folder; f != os.TempDir() && f != "/"; f = filepath.Dir(f) {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// ourPrograms counts the BPF programs of ours that the kernel holds.
func ourPrograms(t *testing.T) int {
	t.Helper()
	spec, err := bpf.LoadProbe()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for id := ebpf.ProgramID(0); ; {
		if id, err = ebpf.ProgramGetNextID(id); err != nil {
			return n
		}
		program, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // gone meanwhile
		}
		if info, err := program.Info(); err == nil {
			for name := range spec.Programs {
				if info.Name == name || len(info.Name) == 15 && strings.HasPrefix(name, info.Name) {
					n++
				}
			}
		}
		program.Close()
	}
}

// nothingLeft holds that no program of ours stays, give or take the moment in
// which the kernel frees them.
func nothingLeft(t *testing.T) {
	t.Helper()
	n := 0
	for range 100 {
		if n = ourPrograms(t); n == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d programs of ours stay in the kernel", n)
}
