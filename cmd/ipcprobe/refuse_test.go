// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// checkRefusal holds that a command line is refused with exit code 2 and one
// clear message that has the wanted words, and nothing of Go in it.
func checkRefusal(t *testing.T, got outcome, want string) {
	t.Helper()
	switch {
	case got.code != exitUsage:
		t.Errorf("exit code %d, want %d", got.code, exitUsage)
	case got.stdout != "":
		t.Errorf("standard output is not empty: %q", got.stdout)
	case !strings.HasPrefix(got.stderr, "ipcprobe: "):
		t.Errorf("standard error does not begin with the program's name")
	case strings.Contains(got.stderr, "goroutine") || strings.Contains(got.stderr, "panic") || strings.Contains(got.stderr, "strconv"):
		t.Errorf("Go shows through")
	case strings.Count(got.stderr, "ipcprobe: ") != 1 || strings.Count(strings.TrimSpace(got.stderr), "\n") > 6:
		t.Errorf("more than one message")
	case !strings.Contains(got.stderr, want):
		t.Errorf("the message lacks %q", want)
	}
	t.Logf("said:\n%s%s", got.stdout, got.stderr)
}

func TestNonsenseFlagsAreRefused(t *testing.T) {
	kerneltest.Privileged(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"negative duration":       {[]string{"--duration", "-1s"}, "--duration"},
		"duration without unit":   {[]string{"--duration", "10"}, "--duration"},
		"no connections":          {[]string{"--connections", "0"}, "--connections"},
		"negative connections":    {[]string{"--connections=-4"}, "--connections"},
		"payload above 4 MiB":     {[]string{"--payload", "5MiB"}, "4 MiB"},
		"payload that is no JSON": {[]string{"--payload", "{oops"}, "--payload"},
		"payload file missing":    {[]string{"--payload", "@/nonexistent"}, "/nonexistent"},
		"rate of nothing":         {[]string{"--rate", "0"}, "--rate"},
		"rate of words":           {[]string{"--rate", "fast"}, "--rate"},
		"pipeline of nothing":     {[]string{"--pipeline", "0"}, "--pipeline"},
		"type beyond a byte":      {[]string{"--type", "0x100"}, "--type"},
		"unknown protocol":        {[]string{"--protocol", "smtp"}, "--protocol"},
		"slice too short":         {[]string{"--slice", "1ms"}, "--slice"},
		"budget of nothing":       {[]string{"--budget", "0"}, "--budget"},
		"too many samples":        {[]string{"--profile-hz", "1000000"}, "--profile-hz"},
		"unknown format":          {[]string{"--format", "xml"}, "--format"},
		"name with a slash":       {[]string{"--name", "../x"}, "--name"},
		"unknown flag":            {[]string{"--frobnicate"}, "--frobnicate"},
		"stray argument":          {[]string{"server"}, "server"},
		"pid and command":         {[]string{"--pid", "1", "--", "true"}, "--pid"},
		"pid of nothing":          {[]string{"--pid", "0"}, "--pid"},
		"negative pid":            {[]string{"--pid", "-5"}, "--pid"},
		"pid of words":            {[]string{"--pid", "nginx"}, "--pid"},
		"empty command":           {[]string{"--", ""}, "command"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"run", "--out", filepath.Join(t.TempDir(), "run")}, c.args...)
			checkRefusal(t, ipcprobe(t, args...), c.want)
		})
	}
}

func TestTargetsThatCannotBeMeasuredAreRefused(t *testing.T) {
	kerneltest.Privileged(t)
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleeper.Wait()
	defer sleeper.Process.Kill()
	two, _ := startPeer(t, "naughty", "--mode", "two")
	for name, c := range map[string]struct {
		pid  int
		args []string
		want string
	}{
		"no such process":         {pid: 1 << 22, want: "process"},
		"kernel thread":           {pid: 2, want: "kernel thread"},
		"listens on no socket":    {pid: sleeper.Process.Pid, want: "no Unix socket"},
		"listens on several":      {pid: two.Pid, want: "--socket"},
		"not a socket of its own": {pid: two.Pid, args: []string{"--socket", "/nonexistent"}, want: "/nonexistent"},
		"path too long":           {pid: two.Pid, args: []string{"--socket", "/" + strings.Repeat("x", 107)}, want: "107"},
		"not a socket":            {pid: two.Pid, args: []string{"--socket", "/etc/passwd"}, want: "not a socket"},
		"nobody listens":          {pid: two.Pid, args: []string{"--socket", deadSocket(t)}, want: "nobody listens"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"run", "--pid", strconv.Itoa(c.pid), "--out", filepath.Join(t.TempDir(), "run")}, c.args...)
			checkRefusal(t, ipcprobe(t, args...), c.want)
		})
	}
	if !two.Alive() {
		t.Error("a refused target did not live on")
	}
}

// deadSocket is a socket's file whose listener has gone.
func deadSocket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dead")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
	return path
}

func TestServersThatDoNotServeAreRefused(t *testing.T) {
	kerneltest.Privileged(t)
	for mode, want := range map[string]string{
		"close":   "closed the connection",
		"garbage": "protocol",
		"silent":  "did not answer",
	} {
		t.Run(mode, func(t *testing.T) {
			server, _ := startPeer(t, "naughty", "--mode", mode)
			checkRefusal(t, ipcprobe(t, "run", "--pid", strconv.Itoa(server.Pid), "--timeout", "500ms",
				"--out", filepath.Join(t.TempDir(), "run")), want)
			if !server.Alive() {
				t.Error("the server did not live on")
			}
		})
	}
	nothingLeft(t)
}

func TestATargetThatEndsDuringStartUpIsRefused(t *testing.T) {
	kerneltest.Privileged(t)
	t.Run("started by us", func(t *testing.T) {
		checkRefusal(t, ipcprobe(t, "run", "--out", filepath.Join(t.TempDir(), "run"), "--", "false"), "exited with status 1")
	})
	t.Run("never listens", func(t *testing.T) {
		t.Parallel()
		checkRefusal(t, ipcprobe(t, "run", "--out", filepath.Join(t.TempDir(), "run"), "--", "sleep", "60"), "listen")
	})
	t.Run("running", func(t *testing.T) {
		server, _ := startPeer(t, "naughty", "--mode", "exit", "--at", "1")
		checkRefusal(t, ipcprobe(t, "run", "--pid", strconv.Itoa(server.Pid), "--out", filepath.Join(t.TempDir(), "run")), "target")
	})
}

func TestFoldersThatCannotBeWrittenAreRefused(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink("/tmp", link); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ out, want string }{
		"exists":          {folder, folder},
		"is a file":       {file, file},
		"is a link":       {link, link},
		"below no folder": {"/nonexistent/deep/run", "/nonexistent"},
		"on a full proc":  {"/proc/run", "/proc"},
	} {
		t.Run(name, func(t *testing.T) {
			checkRefusal(t, ipcprobe(t, "run", "--pid", strconv.Itoa(server.Pid), "--out", c.out), c.want)
		})
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("a file in the way was touched: %q, %v", text, err)
	}
}

func TestWithoutPrivilegesARunIsRefused(t *testing.T) {
	kerneltest.Root(t)
	got := asNobody(t, "run", "--pid", strconv.Itoa(os.Getpid()))
	checkRefusal(t, got, "sudo")
}

// asNobody runs ipcprobe as a user with nothing. The test binary may stand in a
// folder of root's, so it is copied to where everybody gets.
func asNobody(t *testing.T, args ...string) outcome {
	t.Helper()
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	folder := openFolder(t)
	program := filepath.Join(folder, "ipcprobe")
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	c := command(args...)
	c.Path, c.Dir = program, "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), out.String(), errs.String()}
}
