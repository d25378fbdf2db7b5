// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

func TestAWatchWithoutATerminalWritesALineAnInterval(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, program := startRedis(t)
	startBenchmark(t, program, socket)
	got := ipcprobe(t, "watch", "--pid", strconv.Itoa(server.Pid), "--interval", "300ms", "--duration", "2s")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if got.code != exitDone || len(lines) < 3 || !strings.HasPrefix(lines[0], "time ") || strings.Contains(got.stdout, "\x1b") {
		t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	for _, line := range lines[1:] {
		if fields := strings.Fields(line); len(fields) < 8 || fields[1] == "0" || len([]rune(line)) > 80 {
			t.Errorf("%q", line)
		}
	}
	nothingLeft(t)
}

func TestAWatchInJSONIsALookALine(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, program := startRedis(t)
	startBenchmark(t, program, socket)
	got := ipcprobe(t, "watch", "--pid", strconv.Itoa(server.Pid), "--interval", "500ms", "--duration", "3s", "--format", "json", "--budget", "20")
	if got.code != exitDone {
		t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	var elapsed int64
	looks := 0
	for line := range strings.Lines(got.stdout) {
		var l results.Look
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		looks++
		if l.ElapsedNs <= elapsed || l.ProbedNs > l.DurationNs || l.RSSBytes <= 0 || l.Loss == nil || !l.Loss.Reconciled || l.Loss.Lost > 0 {
			t.Errorf("look %d: %s", looks, line)
		}
		if l.Traffic == nil || *l.Traffic.AnswersRPS <= 0 || l.CPU == nil || l.Traffic.Backlog == nil {
			t.Errorf("look %d is blind: %s", looks, line)
		}
		if l.ProbedNs > 0 && (l.Legs == nil || len(l.Syscalls) == 0) {
			t.Errorf("look %d was probed and has no legs: %s", looks, line)
		}
		elapsed = l.ElapsedNs
	}
	if looks < 3 {
		t.Errorf("%d looks in 3 s", looks)
	}
}

func TestAWatchEndsWhenItIsTold(t *testing.T) {
	kerneltest.Privileged(t)
	server, _ := startPeer(t, "stampserver")
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		var out, errs bytes.Buffer
		c := command("watch", "--pid", strconv.Itoa(server.Pid), "--interval", "200ms")
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil || errs.Len() > 0 {
			t.Errorf("%v: %v\n%s", signal, err, errs.String())
		}
	}
	if !server.Alive() {
		t.Error("the server did not live on")
	}
	nothingLeft(t)
}

func TestAWatchSaysThatItsTargetEnded(t *testing.T) {
	kerneltest.Privileged(t)
	server, _ := startPeer(t, "stampserver")
	var errs bytes.Buffer
	c := command("watch", "--pid", strconv.Itoa(server.Pid), "--interval", "200ms")
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	server.Stop()
	if err := c.Wait(); err != nil || !strings.Contains(errs.String(), "the target") {
		t.Errorf("%v\n%s", err, errs.String())
	}
}

// terminal is a pseudo-terminal of 80 columns and 24 rows.
type terminal struct {
	master, slave *os.File
	over          sync.WaitGroup
	mu            sync.Mutex
	drawn         bytes.Buffer
}

func openTerminal(t *testing.T) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		kerneltest.Skip(t, "no pseudo-terminal: "+err.Error())
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	term := &terminal{master: master, slave: slave}
	term.over.Go(func() {
		part := make([]byte, 4096)
		for {
			n, err := master.Read(part)
			term.mu.Lock()
			term.drawn.Write(part[:n])
			term.mu.Unlock()
			if err != nil {
				return // EIO when the last slave is closed
			}
		}
	})
	return term
}

func (term *terminal) String() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.drawn.String()
}

func (term *terminal) close() {
	_ = term.slave.Close()
	term.over.Wait()
	_ = term.master.Close()
}

func TestAScreenIsDrawnAndTheTerminalGivenBack(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, program := startRedis(t)
	startBenchmark(t, program, socket)
	for name, end := range map[string]func(term *terminal, pid int) error{
		"q":       func(term *terminal, _ int) error { _, err := term.master.WriteString("q"); return err },
		"SIGINT":  func(_ *terminal, pid int) error { return syscall.Kill(pid, syscall.SIGINT) },
		"SIGTERM": func(_ *terminal, pid int) error { return syscall.Kill(pid, syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			term := openTerminal(t)
			before, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			c := command("watch", "--pid", strconv.Itoa(server.Pid), "--interval", "300ms")
			c.Env = append(c.Env, "LANG=C.UTF-8", "LC_ALL=", "TERM=xterm")
			c.Stdin, c.Stdout, c.Stderr = term.slave, term.slave, term.slave
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			for range 1000 {
				if strings.Count(term.String(), "\x1b[H") >= 3 {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			if err := errors.Join(end(term, c.Process.Pid), c.Wait()); err != nil {
				t.Errorf("%v\n%q", err, term.String())
			}
			after, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS)
			if err != nil || *after != *before {
				t.Errorf("the terminal is left as %+v, it was %+v, %v", after, before, err)
			}
			term.close()
			checkDrawn(t, term.String())
		})
	}
}

// checkDrawn holds what was written to the terminal: the other screen and back,
// and pictures between of which the last one fits.
func checkDrawn(t *testing.T, drawn string) {
	t.Helper()
	if !strings.HasPrefix(drawn, enterScreen) || !strings.HasSuffix(drawn, leaveScreen) {
		t.Fatalf("it does not begin and end as it should: %q", drawn)
	}
	pictures := strings.Split(drawn, "\x1b[H")
	last := strings.Split(pictures[len(pictures)-2], "\n")
	if len(last) > 24 {
		t.Errorf("%d lines", len(last))
	}
	for _, want := range []string{"ipcprobe watch", "requests/s", "queue wait", "service time", "read", "backlog", "probes", "q quits"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("no %q on the screen:\n%s", want, strings.Join(last, "\n"))
		}
	}
}
