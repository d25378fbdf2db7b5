// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// options start the test binary as a server.
func options(steps ...string) StartOptions {
	return StartOptions{Command: append([]string{os.Args[0]}, steps...), Env: append(os.Environ(), serverVariable+"=1")}
}

// started starts a target and stops it with the test.
func started(t *testing.T, o StartOptions) *Process {
	t.Helper()
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(time.Second); err != nil {
			t.Error(err)
		}
	})
	return p
}

// alive says whether a process runs; a zombie does not.
func alive(pid int) bool {
	s, err := readStat(pid)
	return err == nil && s.State != 'Z' && s.State != 'X'
}

func TestStartWaitsUntilItListens(t *testing.T) {
	dir := shortDir(t)
	p := started(t, options("sleep=50ms", "listen="+dir+"/a", "wait"))
	if p.Target.PID != p.PID() || p.Socket.Address != dir+"/a" {
		t.Errorf("got %+v, %+v", p.Target, p.Socket)
	}
	dialed(t, p.Socket.Address)
	for range 2 {
		if err := p.Stop(5 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if alive(p.PID()) {
		t.Error("it still runs")
	}
	if e := p.Ending(); e.Signal != syscall.SIGTERM {
		t.Errorf("it %v", e)
	}
}

func TestStartFindsTheChildThatListens(t *testing.T) {
	dir := shortDir(t)
	p := started(t, options("child=sleep=20ms,listen="+dir+"/a,wait", "wait"))
	if p.Target.PID == p.PID() || p.Target.Parent != p.PID() || p.Socket.Owner != p.Target.PID {
		t.Errorf("started %d, took %+v", p.PID(), p.Target)
	}
	if err := p.Stop(time.Second); err != nil {
		t.Fatal(err)
	}
	if alive(p.Target.PID) {
		t.Error("the child still runs")
	}
}

func TestStartTakesTheOneWorker(t *testing.T) {
	dir := shortDir(t)
	p := started(t, options("listen="+dir+"/a", "worker", "wait"))
	if p.Target.Parent != p.PID() || len(p.Socket.Sharers) != 1 || p.Socket.Sharers[0] != p.PID() {
		t.Errorf("started %d, took %+v, %+v", p.PID(), p.Target, p.Socket)
	}
	q := started(t, options("listen="+dir+"/b", "worker", "worker", "wait"))
	if q.Target.PID != q.PID() || len(q.Socket.Sharers) != 2 {
		t.Errorf("with two workers: started %d, took %+v, %+v", q.PID(), q.Target, q.Socket)
	}
}

func TestStartWaitsForTheWantedSocket(t *testing.T) {
	dir := shortDir(t)
	o := options("listen="+dir+"/admin", "sleep=200ms", "listen="+dir+"/work", "wait")
	o.Socket = dir + "/work"
	p := started(t, o)
	if p.Socket.Address != dir+"/work" {
		t.Errorf("took %+v", p.Socket)
	}
}

func TestStartFails(t *testing.T) {
	dir := shortDir(t)
	if err := os.WriteFile(dir+"/data", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/script", []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/garbage", []byte("\x00\x01\x02"), 0o755); err != nil {
		t.Fatal(err)
	}
	soon := func(o StartOptions) StartOptions { o.Ready = time.Second; return o }
	wants := func(o StartOptions, socket string) StartOptions { o.Socket = socket; return o }
	at := func(o StartOptions, dir string) StartOptions { o.Dir = dir; return o }
	tests := []struct {
		name   string
		o      StartOptions
		reason Reason
		said   []string
	}{
		{"no command", StartOptions{}, Invalid, []string{"no command", "--"}},
		{"an empty command", StartOptions{Command: []string{""}}, Invalid, []string{"no command"}},
		{"no such program", StartOptions{Command: []string{"no-such-program-anywhere"}}, NotFound, []string{"PATH"}},
		{"no such file", StartOptions{Command: []string{dir + "/none"}}, NotFound, []string{"no such program"}},
		{"no program", StartOptions{Command: []string{dir + "/data"}}, Forbidden, []string{"permission denied", "chmod"}},
		{"no interpreter", StartOptions{Command: []string{dir + "/script"}}, NotFound, []string{"interpreter"}},
		{"garbage", StartOptions{Command: []string{dir + "/garbage"}}, Unreadable, []string{"exec format error"}},
		{"no such folder", at(options("wait"), dir+"/none"), NotFound, []string{"working folder", dir + "/none"}},
		{"an exit with last words", options("stderr=first", "stderr=cannot bind \x1b[31m", "exit=3"), Ended,
			[]string{"exited with status 3", "first\n    cannot bind ?[31m", "by itself"}},
		{"an exit without trouble", options("exit=0"), Ended, []string{"status 0", "by itself"}},
		{"no socket in time", soon(options("stderr=waiting for NATS", "wait")), TimedOut,
			[]string{"did not listen on a Unix stream socket within 1s", "waiting for NATS"}},
		{"another socket", soon(wants(options("listen="+dir+"/x", "wait"), dir+"/y")), TimedOut, []string{dir + "/y"}},
		{"two sockets", options("listen="+dir+"/1", "listen="+dir+"/2", "wait"), Ambiguous, []string{dir + "/1", dir + "/2", "--socket"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, err := descendants(t.Context(), os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			_, err = Start(t.Context(), tt.o)
			checkError(t, err, tt.reason, tt.said...)
			if strings.ContainsAny(err.Error(), "\x1b") {
				t.Errorf("would reach the terminal: %q", err)
			}
			after, err := descendants(t.Context(), os.Getpid())
			if err != nil || len(after) != len(before) {
				t.Errorf("left running: %v, before %v (%v)", after, before, err)
			}
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, options("wait")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	noneLeft(t)
}

func TestStopKillsWhatIgnoresSIGTERM(t *testing.T) {
	dir := shortDir(t)
	p := started(t, options("ignoreterm", "child=ignoreterm,listen="+dir+"/a,wait", "wait"))
	if err := p.Stop(50 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if alive(p.PID()) || alive(p.Target.PID) {
		t.Error("it still runs")
	}
	if e := p.Ending(); e.Signal != syscall.SIGKILL {
		t.Errorf("it %v", e)
	}
}

func TestOutputNeverStallsTheTarget(t *testing.T) {
	writers := map[string]io.Writer{"nobody reads": nil, "a buffer": new(bytes.Buffer), "a writer that fails": failing{}}
	for name, w := range writers {
		t.Run(name, func(t *testing.T) {
			o := options("flood", "listen="+shortDir(t)+"/a", "wait")
			o.Stdout, o.Stderr = w, w
			if b, ok := w.(*bytes.Buffer); ok { // two goroutines write
				o.Stderr = nil
				defer func() {
					if b.Len() != 1<<10*(1<<10+1) {
						t.Errorf("%d bytes arrived", b.Len())
					}
				}()
			}
			p := started(t, o)
			if err := p.Stop(time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no") }

func TestExitIsSeenAndTold(t *testing.T) {
	p := started(t, options("listen="+shortDir(t)+"/a", "accept", "exit=7"))
	dialed(t, p.Socket.Address)
	select {
	case <-p.Exited():
	case <-time.After(20 * time.Second):
		t.Fatal("the exit was not seen")
	}
	if e := p.Ending(); !e.Known || e.Status != 7 {
		t.Errorf("it %v", e)
	}
}

func TestStartAsAnotherUser(t *testing.T) {
	kerneltest.Root(t)
	dir := shortDir(t)
	if err := os.Chown(dir, otherUser, otherUser); err != nil {
		t.Fatal(err)
	}
	o := options("listen="+dir+"/a", "wait")
	o.User = &User{UID: otherUser, GID: otherUser}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o.Command[0] = dir + "/server"
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Command[0], text, 0o755); err != nil {
		t.Fatal(err)
	}
	p := started(t, o)
	if p.Target.UID != otherUser || p.Target.GID != otherUser {
		t.Errorf("runs as %d:%d", p.Target.UID, p.Target.GID)
	}
}

// The test binary starts a target and is then killed, as ipcprobe may be. What
// it started must end, and what that started in turn.
func TestTargetEndsWhenItsStarterIsKilled(t *testing.T) {
	if os.Getenv("GATEWAY_TEST_STARTER") != "" {
		o := options("child=ignoreterm,listen="+os.Getenv("GATEWAY_TEST_STARTER")+"/a,wait", "wait")
		p, err := Start(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("pids %d %d\n", p.PID(), p.Target.PID)
		time.Sleep(time.Minute)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestTargetEndsWhenItsStarterIsKilled$")
	cmd.Env = append(os.Environ(), "GATEWAY_TEST_STARTER="+shortDir(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var first, below int
	if _, err := fmt.Fscanf(out, "pids %d %d\n", &first, &below); err != nil || first == below || !alive(first) || !alive(below) {
		t.Fatalf("started %d, below it %d: %v", first, below, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for _, pid := range []int{first, below} {
		eventually(t, "the end of process "+strconv.Itoa(pid), func() bool { return !alive(pid) })
	}
}

func TestStartFollowsAServerToTheBackground(t *testing.T) {
	dir := shortDir(t)
	p := started(t, options("daemon=ignoreterm,sleep=100ms,listen="+dir+"/a,child=wait,wait", "exit=0"))
	if p.Target.PID == p.PID() || p.Socket.Address != dir+"/a" {
		t.Errorf("started %d, took %+v, %+v", p.PID(), p.Target, p.Socket)
	}
	if err := p.Stop(100 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	noneLeft(t)
	if err := CheckSocket(t.Context(), dir+"/a"); err == nil {
		t.Error("it still listens")
	}
}

func TestStartLeavesNothingInTheBackground(t *testing.T) {
	for name, steps := range map[string][]string{
		"it fails":         {"daemon=ignoreterm,wait", "sleep=100ms", "exit=1"},
		"it never listens": {"daemon=ignoreterm,child=wait,wait", "exit=0"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(steps...)
			o.Ready = 300 * time.Millisecond
			if _, err := Start(t.Context(), o); err == nil {
				t.Error("started")
			}
			noneLeft(t)
		})
	}
}

// noneLeft wants no process below this one.
func noneLeft(t *testing.T) {
	t.Helper()
	if left, err := descendants(t.Context(), os.Getpid()); err != nil || len(left) > 0 {
		t.Errorf("left running: %v, %v", left, err)
	}
}

// What others started from this process is not ours to end.
func TestStopEndsNobodyElse(t *testing.T) {
	other := run(t, "ready", "wait")
	p := started(t, options("listen="+shortDir(t)+"/a", "wait"))
	later := run(t, "ready", "wait")
	if err := p.Stop(time.Second); err != nil {
		t.Fatal(err)
	}
	if !alive(other.Process.Pid) || !alive(later.Process.Pid) {
		t.Error("ended another child")
	}
}
