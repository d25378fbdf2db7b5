// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTheFenceHolds does in a process of its own what a server's answers might
// talk a parser into.
func TestTheFenceHolds(t *testing.T) {
	if os.Getenv("IPCPROBE_TEST_FENCED") != "" {
		fmt.Println(behindTheFence())
		os.Exit(0)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestTheFenceHolds$")
	c.Env = append(os.Environ(), "IPCPROBE_TEST_FENCED=1")
	out, err := c.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "<nil>") {
		t.Errorf("%v: %s", err, out)
	}
}

func behindTheFence() error {
	if err := confine(-1); err != nil {
		return err
	}
	if err := restrict(); err != nil {
		return err
	}
	var wrong []error
	for name, attempt := range map[string]func() error{
		"open a file":          func() error { _, err := os.ReadFile("/etc/hostname"); return err },
		"write a file":         func() error { return os.WriteFile("/tmp/ipcprobe-fence", nil, 0o600) },
		"start a program":      func() error { return exec.Command("/bin/true").Run() },
		"open an inet socket":  func() error { return socketOf(unix.AF_INET) },
		"open a packet socket": func() error { return socketOf(unix.AF_PACKET) },
		"open a netlink one":   func() error { return socketOf(unix.AF_NETLINK) },
		"make a socket file": func() error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Bind(fd, &unix.SockaddrUnix{Name: "/tmp/ipcprobe-fence"})
		},
		"trace a process": func() error { return unix.PtraceSeize(os.Getppid()) },
		"kill a process":  func() error { return unix.Kill(os.Getppid(), 0) },
		"load a BPF program": func() error {
			_, _, errno := unix.Syscall(unix.SYS_BPF, 0, 0, 0)
			return errno
		},
		"make a namespace": func() error { return unix.Unshare(unix.CLONE_FILES | unix.CLONE_NEWUSER) },
		"change its user": func() error {
			_, _, errno := unix.RawSyscall(unix.SYS_SETUID, 0, 0, 0)
			return errno
		},
	} {
		if err := attempt(); !errors.Is(err, syscall.EPERM) {
			wrong = append(wrong, fmt.Errorf("%s: %v, want %v", name, err, syscall.EPERM))
		}
	}
	// What a load needs still works, threads and all.
	if err := socketOf(unix.AF_UNIX); err != nil {
		wrong = append(wrong, fmt.Errorf("open a Unix socket: %w", err))
	}
	done := make(chan int)
	for range 50 {
		go func() {
			garbage := 0
			for range 100 {
				garbage += len(make([]byte, 1<<20))
				time.Sleep(time.Microsecond)
			}
			done <- garbage
		}()
	}
	for range 50 {
		<-done
	}
	return errors.Join(wrong...)
}

func socketOf(family int) error {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func TestAChildOwnsNothing(t *testing.T) {
	s := startServer(t, answering(goodAnswer))
	g := spawnTest(t, testOptions(s))
	if _, err := g.Ready(); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000"} {
		if !strings.Contains(string(status), line+"\n") {
			t.Errorf("the child's status lacks %q:\n%s", line, status)
		}
	}
	if w := g.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
}
