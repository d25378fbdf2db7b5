// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// serverVariable makes the test binary a server: its arguments are steps, done
// one after the other by serve.
const serverVariable = "GATEWAY_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		serve(os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// serve does what the tests ask of a server, word by word.
func serve(steps []string) {
	held := []any{} // keeps what was opened
	var listener net.Listener
	for _, step := range steps {
		verb, what, _ := strings.Cut(step, "=")
		switch verb {
		case "listen", "seqpacket":
			network := map[string]string{"listen": "unix", "seqpacket": "unixpacket"}[verb]
			l, err := net.Listen(network, what)
			must(err)
			listener, held = l, append(held, l)
		case "accept":
			_, err := listener.Accept()
			must(err)
		case "datagram":
			c, err := net.ListenPacket("unixgram", what)
			must(err)
			held = append(held, c)
		case "chdir":
			must(os.Chdir(what))
		case "chroot":
			must(syscall.Chroot(what))
			must(os.Chdir("/"))
		case "remove":
			must(os.Remove(what))
		case "worker": // a child of the same program that shares the last listener
			f, err := listener.(*net.UnixListener).File()
			must(err)
			child := command("wait")
			child.ExtraFiles = []*os.File{f}
			must(child.Start())
			held = append(held, f)
		case "child": // a child that serves by itself
			child := command(strings.Split(what, ",")...)
			child.Stdout, child.Stderr = os.Stdout, os.Stderr
			must(child.Start())
		case "daemon": // the same, in a session of its own; it goes on alone
			child := command(strings.Split(what, ",")...)
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			must(child.Start())
		case "exec":
			must(syscall.Exec(os.Args[0], append([]string{os.Args[0]}, strings.Split(what, ",")...), os.Environ()))
		case "execother":
			must(syscall.Exec(what, []string{what, "60"}, nil))
		case "stderr":
			fmt.Fprintln(os.Stderr, what)
		case "flood": // more than any pipe holds, then on
			for range 1 << 10 {
				fmt.Println(strings.Repeat("x", 1<<10))
				fmt.Fprintln(os.Stderr, strings.Repeat("y", 1<<10))
			}
		case "ignoreterm":
			signal.Ignore(syscall.SIGTERM)
		case "spin":
			d, err := time.ParseDuration(what)
			must(err)
			for end := time.Now().Add(d); time.Now().Before(end); {
			}
		case "touch": // make 64 MiB resident, and give them back
			b, err := unix.Mmap(-1, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
			must(err)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			must(unix.Munmap(b))
		case "ready":
			fmt.Println("ready")
		case "line": // wait for the tester
			_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		case "sleep":
			d, err := time.ParseDuration(what)
			must(err)
			time.Sleep(d)
		case "exit":
			var status int
			_, err := fmt.Sscan(what, &status)
			must(err)
			os.Exit(status)
		case "wait":
			time.Sleep(time.Minute) // a forgotten one ends by itself
		}
	}
	fmt.Fprintln(os.Stderr, len(held), "held to the end")
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "test server:", err)
		os.Exit(99)
	}
}

func command(steps ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], steps...)
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	return cmd
}

// server is a test server that ran its steps up to "ready".
type server struct {
	*exec.Cmd
	in  *os.File
	out *bufio.Reader
}

// run starts a server and waits for its "ready". It is ended with the test.
func run(t *testing.T, steps ...string) *server {
	t.Helper()
	return runCommand(t, command(steps...))
}

func runCommand(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{Cmd: cmd}
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, os.Stderr
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inR.Close()
	outW.Close()
	s.in, s.out = inW, bufio.NewReader(outR)
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // our child, not yet waited for
		_ = cmd.Wait()
		inW.Close()
		outR.Close()
	})
	s.awaitReady(t)
	return s
}

func (s *server) awaitReady(t *testing.T) {
	t.Helper()
	if line, err := s.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the server said %q, %v", line, err)
	}
}

// next lets the server go on after its step "line".
func (s *server) next(t *testing.T) {
	t.Helper()
	if _, err := s.in.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
}

// target is what Inspect says of the server.
func (s *server) target(t *testing.T) *Target {
	t.Helper()
	target, err := Inspect(t.Context(), s.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// eventually waits for a property that comes by itself.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func need(t *testing.T, have bool, what string) {
	t.Helper()
	if !have {
		kerneltest.Skip(t, "needs "+what)
	}
}
