// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// somebody is a user who owns nothing but what a test gives.
const somebody = 65534

// copied gives a program in a folder that everybody may enter.
func copied(t *testing.T, program, folder, name string) string {
	t.Helper()
	bytes, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, bytes, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// ownFolder is a folder of somebody's.
func ownFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(openFolder(t), "own")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, somebody, somebody); err != nil {
		t.Fatal(err)
	}
	return folder
}

// as runs a copy of ipcprobe as somebody with these capabilities and no other.
func as(t *testing.T, program, folder string, capabilities []uintptr, args ...string) outcome {
	t.Helper()
	c := exec.Command(program, args...)
	c.Dir = folder
	c.Env = []string{"PATH=" + os.Getenv("PATH"), selfVariable + "=1", "TMPDIR=" + folder}
	c.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: somebody, Gid: somebody},
		AmbientCaps: capabilities,
	}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

func TestTheLeastCapabilitiesMeasure(t *testing.T) {
	kerneltest.Privileged(t)
	kerneltest.Root(t)
	folder := ownFolder(t)
	program := copied(t, os.Args[0], openFolder(t), "ipcprobe")
	server := copied(t, peer.Build(t, "stampserver"), openFolder(t), "stampserver")
	foreign, socket := startPeer(t, "stampserver")
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	runs := 0
	run := func(capabilities []uintptr, target ...string) outcome {
		runs++
		args := append([]string{"run", "--format", "json", "--quiet", "--duration", "1s", "--budget", "50",
			"--out", filepath.Join(folder, "run"+strconv.Itoa(runs))}, target...)
		return as(t, program, folder, capabilities, args...)
	}
	own := []string{"--", server, "--socket", filepath.Join(folder, "s")}
	other := []string{"--pid", strconv.Itoa(foreign.Pid)}
	for name, c := range map[string]struct {
		capabilities []uintptr
		target       []string
		refused      string // what the message names; measured if empty
		warned       []string
	}{
		"the least": {[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, own, "",
			[]string{"CAP_SYS_ADMIN"}},
		"no CAP_BPF":     {[]uintptr{unix.CAP_PERFMON, unix.CAP_SYS_PTRACE, unix.CAP_SYSLOG}, own, "CAP_BPF", nil},
		"no CAP_PERFMON": {[]uintptr{unix.CAP_BPF, unix.CAP_SYS_PTRACE, unix.CAP_SYSLOG}, own, "CAP_PERFMON", nil},
		"none":           {nil, own, "CAP_BPF and CAP_PERFMON", nil},
		"somebody else’s target without CAP_SYS_PTRACE":      {[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, other, "CAP_SYS_PTRACE", nil},
		"somebody else’s target without CAP_DAC_READ_SEARCH": {[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_PTRACE}, other, "CAP_DAC_READ_SEARCH", nil},
		"somebody else’s target": {[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH, unix.CAP_SYSLOG}, other, "",
			[]string{"CAP_SYS_ADMIN"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(c.capabilities, c.target...)
			if c.refused != "" {
				checkRefusal(t, got, c.refused)
				return
			}
			var r results.Result
			if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitDone || !r.Valid {
				t.Fatalf("exit code %d, %v, invalid %q\n%s", got.code, err, r.InvalidReasons, got.stderr)
			}
			if r.Join == nil || r.Join.MatchedPct < 99.9 || r.CPU == nil || r.CPU.Samples == 0 || r.Memory == nil {
				t.Errorf("join %+v, CPU %+v, memory %+v", r.Join, r.CPU, r.Memory)
			}
			said := strings.Join(r.Warnings, "\n")
			for _, name := range c.warned {
				if !strings.Contains(said, name) {
					t.Errorf("no warning names %s:\n%s", name, said)
				}
			}
		})
	}
	t.Run("doctor", func(t *testing.T) {
		got := as(t, program, folder, []uintptr{unix.CAP_BPF}, "doctor")
		if got.code != exitUsage {
			t.Errorf("exit code %d, want %d", got.code, exitUsage)
		}
		for _, want := range []string{"capability CAP_PERFMON – a run can’t", "costs  every figure of the kernel", "targets of other users"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("doctor lacks %q:\n%s", want, got.stdout)
			}
		}
	})
}

// beheld is what /proc says of one process that a run started.
type beheld struct {
	name        string
	user        string   // effective, of its first thread
	nonewprivs  string   // as status has it
	powers      string   // all its capability sets but the bounding one, of every thread
	descriptors []string // where they lead
}

// behold looks at all descendants of a process.
func behold(root int, seen map[int]beheld) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	parents := map[int]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		end := bytes.LastIndexByte(text, ')')
		var state string
		var parent int
		if err != nil || end < 0 {
			continue
		}
		if _, err := fmt.Sscan(string(text[end+1:]), &state, &parent); err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parents[pid] = parent
	}
	for pid := range parents {
		up, steps := parents[pid], 0
		for up != root && up > 1 && steps < 20 {
			up, steps = parents[up], steps+1
		}
		if up == root {
			if b, ok := look(pid); ok {
				seen[pid] = b
			}
		}
	}
}

func look(pid int) (b beheld, ok bool) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for i, task := range tasks {
		status, err := os.ReadFile(task)
		if err != nil {
			return b, false
		}
		for line := range strings.Lines(string(status)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			switch {
			case key == "Name" && i == 0:
				b.name = value
			case key == "Uid" && i == 0:
				b.user = strings.Fields(value)[1]
			case key == "NoNewPrivs" && i == 0:
				b.nonewprivs = value
			case key == "CapEff" || key == "CapPrm" || key == "CapAmb" || key == "CapInh":
				if strings.Trim(value, "0") != "" {
					b.powers += key + "=" + value + " "
				}
			}
		}
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/fd/*", pid)) // a thread may have a table of its own
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && !slices.Contains(b.descriptors, to) {
			b.descriptors = append(b.descriptors, to)
		}
	}
	return b, b.name != "" && len(b.descriptors) > 0
}

// inherited is a file that ipcprobe is given open, and has to keep to itself.
const inherited = "inherited-by-ipcprobe"

// TestWhatARunStartsHoldsNothing looks into /proc at all that a run as root has
// started, while it runs: with and without sudo.
func TestWhatARunStartsHoldsNothing(t *testing.T) {
	kerneltest.Privileged(t)
	kerneltest.Root(t)
	tools := openFolder(t)
	program := copied(t, os.Args[0], tools, "ipcprobe")
	copied(t, peer.Reference(t, "v1"), tools, "ipc-gateway-v1")
	if out, err := exec.Command("go", "build", "-o", filepath.Join(tools, "ipcgateway"), "../ipcgateway").CombinedOutput(); err != nil {
		t.Fatalf("build ipcgateway: %v\n%s", err, out)
	}
	mine, err := os.Create(filepath.Join(t.TempDir(), inherited))
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	for name, sudo := range map[string][]string{
		"sudo":    {"SUDO_UID=" + strconv.Itoa(somebody), "SUDO_GID=" + strconv.Itoa(somebody)},
		"no sudo": nil,
	} {
		t.Run(name, func(t *testing.T) {
			c := exec.Command(program, "run", "--quiet", "--format", "json", "--duration", "3s", "--out", filepath.Join(t.TempDir(), "run"))
			c.Env = append([]string{"PATH=" + os.Getenv("PATH"), selfVariable + "=1"}, sudo...)
			c.ExtraFiles = []*os.File{mine}
			var out, errs bytes.Buffer
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			last := map[int]beheld{}
			for over := false; !over; {
				behold(c.Process.Pid, last)
				select {
				case err := <-ended:
					if err != nil {
						t.Fatalf("%v\n%s", err, errs.String())
					}
					over = true
				case <-time.After(100 * time.Millisecond):
				}
			}
			checkHoldings(t, last, sudo != nil)
		})
	}
}

// checkHoldings holds what the started processes had when they were last seen:
// their first moments, before they have given up what they don't need, are past.
func checkHoldings(t *testing.T, last map[int]beheld, sudo bool) {
	t.Helper()
	names := map[string]bool{}
	for pid, b := range last {
		t.Logf("%d: %+v", pid, b)
		names[b.name] = true
		if b.powers != "" {
			t.Errorf("%s holds capabilities: %s", b.name, b.powers)
		}
		if b.nonewprivs != "1" {
			t.Errorf("%s may gain privileges", b.name)
		}
		if sudo && b.user != strconv.Itoa(somebody) {
			t.Errorf("%s runs as user %s, want %d, who called sudo", b.name, b.user, somebody)
		}
		for _, to := range b.descriptors {
			for _, ours := range []string{"bpf", "perf_event", "btf", "ringbuf", "/run", inherited, "/proc/", "/sys/"} {
				// The runtime of Go reads the limits of its cgroup by itself.
				if strings.Contains(to, ours) && !strings.HasPrefix(to, "/sys/fs/cgroup/") {
					t.Errorf("%s holds a descriptor of ours: %s", b.name, to)
				}
			}
		}
	}
	for _, want := range []string{"ipcgateway", "ipc-gateway-v1", "sh"} {
		if !names[want] {
			t.Errorf("%s was not seen", want)
		}
	}
	if len(last) < 4 {
		t.Errorf("only %d processes were seen: the load generator is missing", len(last))
	}
}
