// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/gateway/wire/conformance"
)

// install puts both programs into one folder and returns the path of ipcgateway.
func install(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, build := range []string{"v1", "v2"} {
		gateway := peer.Reference(t, build)
		if err := os.Symlink(gateway, filepath.Join(dir, filepath.Base(gateway))); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "ipcgateway")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// gatewayPid reads the number of the C program from the ready line.
func gatewayPid(t *testing.T, p *peer.Process) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ready pid=(\d+) socket=\S+ nats=\S+$`).FindStringSubmatch(p.Output())
	if m == nil {
		t.Fatalf("no ready line in %q", p.Output())
	}
	pid, _ := strconv.Atoi(m[1])
	return pid
}

func TestServesThroughNATSAndCounts(t *testing.T) {
	program := install(t)
	for _, build := range []string{"v1", "v2"} {
		t.Run(build, func(t *testing.T) { servesThroughNATS(t, program, build) })
	}
}

func servesThroughNATS(t *testing.T, program, build string) {
	socket := filepath.Join(t.TempDir(), "s")
	p := peer.Start(t, "ready", program, "--socket", socket, "--build", build)
	conformance.Run(t, conformance.Gateway{Socket: socket, Echo: true, Alive: p.Alive})
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	m := regexp.MustCompile(`(?m)^done published=(\d+) received=(\d+) answered=(\d+)$`).FindStringSubmatch(p.Output())
	if m == nil || m[1] == "0" || m[1] != m[2] || m[2] != m[3] {
		t.Errorf("counts %q:\n%s", m, p.Output())
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is left behind")
	}
}

func TestServesWithoutNATS(t *testing.T) {
	program := install(t)
	socket := filepath.Join(t.TempDir(), "s")
	p := peer.Start(t, "ready", program, "--socket", socket, "--no-nats", "--build", "v1")
	if !strings.Contains(p.Output(), "nats=none") {
		t.Errorf("the ready line is %q", p.Output())
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.Output())
	}
	if strings.Contains(p.Output(), "published") {
		t.Errorf("it counts what nobody published:\n%s", p.Output())
	}
}

func TestInterruptEndsIt(t *testing.T) {
	program := install(t)
	socket := filepath.Join(t.TempDir(), "s")
	p := peer.Start(t, "ready", program, "--socket", socket)
	if err := syscall.Kill(p.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.Wait(10 * time.Second); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.Output())
	}
}

func TestDiesWithTheGateway(t *testing.T) {
	program := install(t)
	socket := filepath.Join(t.TempDir(), "s")
	p := peer.Start(t, "ready", program, "--socket", socket)
	if err := syscall.Kill(gatewayPid(t, p), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := p.Wait(10 * time.Second); code != 128+int(syscall.SIGKILL) {
		t.Errorf("exit code %d, want that of the gateway:\n%s", code, p.Output())
	}
	if !strings.Contains(p.Output(), "done published=unknown received=0 answered=0") {
		t.Errorf("last line:\n%s", p.Output())
	}
}

func TestTheGatewayDiesWithIt(t *testing.T) {
	program := install(t)
	socket := filepath.Join(t.TempDir(), "s")
	p := peer.Start(t, "ready", program, "--socket", socket)
	gatewayPid(t, p)
	if err := syscall.Kill(p.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Lstat(socket); os.IsNotExist(err) {
			return // the gateway ended cleanly: it took its socket away
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("the gateway lives on")
		}
	}
}

func TestASecondOneOnTheSameSocketIsRefused(t *testing.T) {
	program := install(t)
	socket := filepath.Join(t.TempDir(), "s")
	p := peer.Start(t, "ready", program, "--socket", socket, "--no-nats")
	for _, args := range [][]string{{"--socket", socket}, {"--socket", socket, "--no-nats"}} {
		out, err := exec.Command(program, args...).CombinedOutput()
		var exit *exec.ExitError
		if exit, _ = err.(*exec.ExitError); exit == nil || exit.ExitCode() != 2 {
			t.Errorf("%v: %v, want exit code 2", args, err)
		}
		if !strings.Contains(string(out), "a server uses it") || strings.Contains(string(out), "ready") {
			t.Errorf("%v: says %q", args, out)
		}
	}
	if c, err := net.Dial("unix", socket); err != nil {
		t.Errorf("the first one is disturbed: %v", err)
	} else {
		c.Close()
	}
	p.Stop()
}

func TestReplacesTheSocketOfADeadServerOnly(t *testing.T) {
	program := install(t)
	dir := t.TempDir()
	stale, file := filepath.Join(dir, "stale"), filepath.Join(dir, "file")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if code := peer.Start(t, "ready", program, "--socket", stale, "--no-nats").Stop(); code != 0 {
		t.Errorf("a dead server's socket: exit code %d", code)
	}
	if err := os.WriteFile(file, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "--socket", file, "--no-nats").CombinedOutput()
	if exit, _ := err.(*exec.ExitError); exit == nil || exit.ExitCode() != 2 || !strings.Contains(string(out), "is no socket") {
		t.Errorf("a file in the way: %v, %q", err, out)
	}
	if b, _ := os.ReadFile(file); string(b) != "keep" {
		t.Error("the file is gone")
	}
}

func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no socket", nil, "--socket PATH is missing"},
		{"long path", []string{"--socket", strings.Repeat("x", 108)}, "the path has 108 bytes and a Unix socket takes at most 107"},
		{"unknown build", []string{"--socket", "s", "--build", "v9"}, `--build "v9" is not known: there is v1, v2`},
		{"unknown flag", []string{"--sockets", "s"}, "unknown flag: --sockets; see ipcgateway --help"},
		{"an argument", []string{"--socket", "s", "x"}, `argument "x"`},
		{"no gateway beside it", []string{"--socket", "s", "--no-nats"}, "ipc-gateway-v1 is not there: make build"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, err bytes.Buffer
			code := run(c.args, nil, &out, &err)
			if code != 2 || out.Len() > 0 || !strings.Contains(err.String(), c.want) || strings.Count(err.String(), "\n") != 1 {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, &out, &err)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var out, err bytes.Buffer
	if code := run([]string{"--help"}, nil, &out, &err); code != 0 || !strings.Contains(out.String(), "--socket PATH") || err.Len() > 0 {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, &out, &err)
	}
}

// submit sends one task to a gateway and returns the code and payload of its answer.
func submit(t *testing.T, socket string) (uint16, string) {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(wire.IPC{}.Encode(nil, wire.Request{Type: wire.TaskSubmit, Payload: []byte("{}")})); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, wire.IPCHeader)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(head[2])<<8|int(head[3])-wire.IPCHeader)
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	return uint16(head[5]), string(body)
}
