// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// What befalls ipcprobe itself.

// freed holds that the kernel has none of these programs any more.
func freed(t *testing.T, ids []string) {
	t.Helper()
	if len(ids) == 0 {
		t.Error("there were no programs to free")
	}
	for _, text := range ids {
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		stays := true
		for range 200 { // the kernel takes its time
			program, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
			if errors.Is(err, os.ErrNotExist) {
				stays = false
				break
			}
			if err == nil {
				program.Close()
			}
			time.Sleep(20 * time.Millisecond)
		}
		if stays {
			t.Errorf("program %d stays in the kernel", id)
		}
	}
}

func TestIpcprobeIsKilled(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	for range 3 {
		r := startRun(t, server.Pid, "--duration", "30s", "--pipeline", "4")
		programs, child := programsOf(t, r.Process.Pid), generatorOf(t, r.Process.Pid)
		if err := r.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		r.end(t)
		freed(t, programs)
		for range 500 { // it takes what it is owed, then leaves
			if syscall.Kill(child, 0) != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if syscall.Kill(child, 0) == nil {
			t.Error("the load generator stays")
		}
		if !server.Alive() {
			t.Fatal("the gateway did not live on")
		}
		parent := filepath.Dir(r.folder)
		if got := ipcprobe(t, "runs", parent); strings.Contains(got.stdout, ".ipcprobe-") {
			t.Errorf("half a run is listed:\n%s", got.stdout)
		}
		again := ipcprobe(t, "run", "--pid", strconv.Itoa(server.Pid), "--duration", "500ms", "--warmup", "50ms",
			"--out", filepath.Join(parent, "again"))
		left, err := filepath.Glob(filepath.Join(parent, ".ipcprobe-*"))
		if again.code != exitDone && again.code != exitInvalid || err != nil || len(left) > 0 {
			t.Errorf("exit code %d, left %v, %v\n%s", again.code, left, err, again.stderr)
		}
	}
}

func TestTheLoadGeneratorIsKilled(t *testing.T) {
	kerneltest.Privileged(t)
	server, _ := startPeer(t, "stampserver")
	r := startRun(t, server.Pid, "--duration", "20s", "--slice", "200ms", "--rate", "20000")
	r.probed(t)
	programs := programsOf(t, r.Process.Pid)
	signalTo(t, generatorOf(t, r.Process.Pid), syscall.SIGKILL)
	r.mustSay(t, r.end(t), exitInvalid, "load generator ended unexpectedly")
	if result := readResult(t, r.folder); result.Valid || !result.Run.Partial || result.Load.AchievedRPS != nil {
		t.Errorf("valid %v, run %+v", result.Valid, result.Run)
	}
	freed(t, programs)
	if !server.Alive() {
		t.Error("the server did not live on")
	}
}

func TestTheDiskIsFull(t *testing.T) {
	kerneltest.Root(t)
	server := startForeign(t)
	for name, size := range map[string]string{"for nothing": "4k", "for a part": "40k"} {
		t.Run(name, func(t *testing.T) {
			disk := t.TempDir()
			if err := syscall.Mount("none", disk, "tmpfs", 0, "size="+size); err != nil {
				kerneltest.Skip(t, "needs to mount a tmpfs: "+err.Error())
			}
			defer syscall.Unmount(disk, syscall.MNT_DETACH)
			got := ipcprobe(t, "run", "--quiet", "--pid", strconv.Itoa(server.Pid), "--duration", "1s", "--warmup", "50ms",
				"--out", filepath.Join(disk, "run"))
			entries, err := os.ReadDir(disk)
			if got.code != exitUsage || !strings.Contains(got.stderr, "no space left on device") || err != nil || len(entries) > 0 {
				t.Errorf("exit code %d, left %v, %v\n%s", got.code, entries, err, got.stderr)
			}
		})
	}
	if !server.Alive() {
		t.Error("the gateway did not live on")
	}
}

func TestDescriptorsRunOut(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	for limit := 8; limit <= 128; limit += 4 {
		// A shell sets the limit, for itself and what it becomes.
		c := exec.Command("sh", "-c", "ulimit -n "+strconv.Itoa(limit)+`; exec "$0" "$@"`, os.Args[0], "run", "--quiet",
			"--pid", strconv.Itoa(server.Pid), "--duration", "200ms", "--warmup", "50ms", "--slice", "50ms", "--timeout", "1s",
			"--out", filepath.Join(t.TempDir(), "run"))
		c.Env = append(os.Environ(), selfVariable+"=1")
		var out, errs strings.Builder
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Run(); err != nil && c.ProcessState == nil {
			t.Fatal(err)
		}
		switch c.ProcessState.ExitCode() {
		case exitDone, exitInvalid:
			return // as many as it takes
		case exitUsage:
			if said := errs.String(); !strings.Contains(said, "open files") || !strings.Contains(said, "ulimit") || strings.Contains(said, "goroutine ") {
				t.Errorf("%d descriptors: says %q", limit, said)
			}
		default:
			t.Errorf("%d descriptors: exit code %d\n%s%s", limit, c.ProcessState.ExitCode(), out.String(), errs.String())
		}
		if !server.Alive() {
			t.Fatalf("%d descriptors: the gateway did not live on", limit)
		}
	}
	t.Error("128 descriptors are not enough")
}

func TestWhatIpcprobeStartedEndsWithItWhenItIsKilled(t *testing.T) {
	kerneltest.Privileged(t)
	folder := openFolder(t)
	server := peer.Build(t, "stampserver")
	c := command("run", "--quiet", "--duration", "30s", "--out", filepath.Join(folder, "run"), "--", server, "--socket", filepath.Join(folder, "s"))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if len(programsOf(t, c.Process.Pid)) > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	programs := programsOf(t, c.Process.Pid)
	below := descendants(c.Process.Pid)
	if len(below) < 3 { // the server, its guard, the load generator
		t.Errorf("processes below it: %v", below)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	freed(t, programs)
	for _, pid := range below {
		gone := false
		for range 500 {
			if gone = syscall.Kill(pid, 0) != nil || zombie(pid); gone {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if !gone {
			t.Errorf("process %d stays", pid)
		}
	}
}

// zombie says that a process has ended and waits to be collected.
func zombie(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(text), ") Z ")
}

// descendants are the processes below another one.
func descendants(pid int) (below []int) {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children") // the pattern is right
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread may end
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				below = append(append(below, child), descendants(child)...)
			}
		}
	}
	return below
}
