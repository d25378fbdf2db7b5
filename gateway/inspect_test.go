// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

func TestInspectTellsWhatRuns(t *testing.T) {
	s := run(t, "ready", "wait")
	got := s.target(t)
	exe, err := filepath.EvalSymlinks(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if got.PID != s.Process.Pid || got.Executable != exe || got.UID != os.Geteuid() || got.GID != os.Getegid() ||
		got.Parent != os.Getpid() || got.Threads < 1 || got.Start == 0 || got.Deleted ||
		!slices.Equal(got.Command, s.Args) || got.Bits != strconv.IntSize {
		t.Errorf("got %+v", got)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

func TestBuildIDIsTheNotesOwn(t *testing.T) {
	for _, path := range []string{"/bin/sh", "/usr/bin/redis-server", "/usr/sbin/nginx"} {
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		var want string
		if s := f.Section(".note.gnu.build-id"); s != nil {
			if data, err := s.Data(); err == nil && len(data) > 16 {
				const digits = "0123456789abcdef"
				for _, b := range data[16:] {
					want += string(digits[b>>4]) + string(digits[b&15])
				}
			}
		}
		f.Close()
		got, bits, err := identifyExecutable(path)
		if err != nil || got != want || bits != 64 && bits != 32 {
			t.Errorf("%s: %q, %d bits, %v; want %q", path, got, bits, err, want)
		}
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if id, bits, err := identifyExecutable(script); id != "" || bits != 0 || err != nil {
		t.Errorf("a script: %q, %d, %v", id, bits, err)
	}
}

func TestInspectOfARemovedExecutableWithAHostileName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a) R 1\n\x1b[31m")
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "ready", "wait")
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	s := runCommand(t, cmd)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	got := s.target(t)
	if !got.Deleted || got.Executable != path || got.Name != "a) R 1\n\x1b[31m" {
		t.Errorf("got %+v", got)
	}
	_, err = Choose(nil, "", got)
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("the message would reach the terminal: %q", err)
	}
}

func TestInspectRefuses(t *testing.T) {
	zombie := exec.Command("/bin/true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer zombie.Wait()
	eventually(t, "a zombie", func() bool { s, err := readStat(zombie.Process.Pid); return err == nil && s.State == 'Z' })
	s := run(t, "ready", "wait")
	var thread int
	for _, tid := range threadsOf(s.Process.Pid) {
		if tid != s.Process.Pid {
			thread = tid
		}
	}
	tests := []struct {
		name   string
		pid    int
		reason Reason
		said   []string
	}{
		{"nothing", 0, Invalid, []string{"above 0"}},
		{"a negative number", -5, Invalid, []string{"above 0"}},
		{"a number that no process has", 1 << 22, NotFound, []string{"no such process", "pgrep"}},
		{"a number beyond the kernel's", 1 << 40, NotFound, []string{"no such process"}},
		{"a zombie", zombie.Process.Pid, Zombie, []string{"has ended", strconv.Itoa(os.Getpid())}},
		{"a thread", thread, Thread, []string{"thread of process " + strconv.Itoa(s.Process.Pid), "--pid " + strconv.Itoa(s.Process.Pid)}},
		{"ourselves", os.Getpid(), Self, []string{"ipcprobe itself"}},
		{"a thread of ours", syscall.Gettid(), Self, []string{"ipcprobe itself"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Inspect(t.Context(), tt.pid)
			checkError(t, err, tt.reason, append(tt.said, "inspect process "+strconv.Itoa(tt.pid))...)
		})
	}
}

// checkError wants an *Error with the reason and these words, in one message.
func checkError(t *testing.T, err error, reason Reason, words ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, reason) {
		t.Fatalf("got %v, want reason %q", err, reason)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the message lacks %q: %v", w, err)
		}
	}
	if e.Tried == "" || e.Said == "" || e.Next == "" {
		t.Errorf("the message is not whole: %+v", e)
	}
}

func TestInspectRefusesKernelThreads(t *testing.T) {
	s, err := readStat(2)
	need(t, err == nil && s.Flags&kernelThreadFlag != 0, "kernel threads in this PID name space")
	_, err = Inspect(t.Context(), 2)
	checkError(t, err, KernelThread, "kernel thread", "kthreadd")
}

// A process that another user owns can't be looked into. The test binary looks
// as that user.
func TestInspectWithoutPrivileges(t *testing.T) {
	if os.Getenv("GATEWAY_TEST_LOOK") != "" {
		pid, err := strconv.Atoi(os.Getenv("GATEWAY_TEST_LOOK"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Inspect(t.Context(), pid)
		checkError(t, err, Forbidden, "permission denied", "user root", "sudo", "CAP_SYS_PTRACE")
		return
	}
	kerneltest.Root(t)
	s := run(t, "ready", "wait")
	asOther(t, "TestInspectWithoutPrivileges", "GATEWAY_TEST_LOOK="+strconv.Itoa(s.Process.Pid))
}

const otherUser = 65533

// asOther runs one test of this binary as a user who owns nothing.
func asOther(t *testing.T, test string, environ ...string) {
	t.Helper()
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/test", text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dir+"/test", "-test.v", "-test.run=^"+test+"$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), environ...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUser, Gid: otherUser}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+test) {
		t.Fatalf("as user %d: %v\n%s", otherUser, err, out)
	}
}

func TestCheckNoticesAnotherProgramAndTheEnd(t *testing.T) {
	s := run(t, "ready", "line", "execother=/bin/sleep")
	target := s.target(t)
	s.next(t)
	var err error
	eventually(t, "another program", func() bool { err = target.Check(); return err != nil })
	checkError(t, err, Ended, "another program")
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end", func() bool { err = target.Check(); return strings.Contains(err.Error(), "it ended") })
	_ = s.Wait()
	checkError(t, target.Check(), Ended, "it ended")

	reused := *target
	reused.PID = os.Getppid()
	reused.Start++
	checkError(t, reused.Check(), Ended, "its number belongs to another process")
}
