// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// inContainer starts a peer in PID, mount and user name spaces of its own, with its
// program and its socket on a file system that nobody else has mounted, and gives
// its number as we see it.
func inContainer(t *testing.T, name string, args ...string) int {
	t.Helper()
	kerneltest.Root(t)
	kerneltest.Tool(t, "unshare")
	folder := openFolder(t)
	program := filepath.Join(folder, name)
	if err := exec.Command("cp", peer.Build(t, name), program).Run(); err != nil {
		t.Fatal(err)
	}
	inside := `set -e
mount -t tmpfs none "$1"; cp /proc/self/fd/3 "$1/server"; chmod 755 "$1/server"; exec 3<&-; shift
cd "$0"; exec unshare --pid --fork --kill-child --mount-proc ./server "$@"`
	c := exec.Command("unshare", append([]string{"--user", "--map-root-user", "--mount", "--propagation", "private", "sh", "-c", inside,
		folder, folder}, append(args, "--socket", folder+"/s")...)...)
	file, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c.ExtraFiles = []*os.File{file}
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // the server is killed with it (--kill-child)
		_ = c.Wait()
	})
	for range 500 {
		if pid := serverBelow(c.Process.Pid); pid != 0 {
			if link, err := os.Lstat("/proc/" + strconv.Itoa(pid) + "/root" + folder + "/s"); err == nil && link.Mode()&os.ModeSocket != 0 {
				return pid
			}
		}
		if c.ProcessState != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	kerneltest.Skip(t, "needs to make user name spaces: "+said.String())
	return 0
}

// serverBelow is the process called server that descends from another; 0: none.
func serverBelow(pid int) int {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children") // the pattern is right
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread may end
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				continue
			}
			if name, _ := os.ReadFile("/proc/" + field + "/comm"); string(name) == "server\n" {
				return child
			}
			if found := serverBelow(child); found != 0 {
				return found
			}
		}
	}
	return 0
}

func TestATargetInAContainerIsMeasured(t *testing.T) {
	kerneltest.Privileged(t)
	pid := inContainer(t, "stampserver", "--busy-us", "20") // in code of its own
	for _, space := range []string{"pid", "mnt", "user"} {
		ours, err := os.Readlink("/proc/self/ns/" + space)
		theirs, theirErr := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/" + space)
		if err != nil || theirErr != nil || ours == theirs {
			t.Fatalf("%s: %s and %s, %v, %v", space, ours, theirs, err, theirErr)
		}
	}
	r := measureLenient(t, "--pid", strconv.Itoa(pid), "--duration", "3s", "--warmup", "100ms", "--rate", "max", "--budget", "50", "--profile-hz", "997")
	if r.Join == nil || r.Join.MatchedPct < 99.9 || r.Legs == nil || r.Load.Requests.OK == 0 || r.Load.Requests.Failed() > 0 {
		t.Errorf("join %+v, requests %+v", r.Join, r.Load.Requests)
	}
	if r.Target.PID != pid || !strings.HasSuffix(r.Target.Executable, "/server") || r.Target.BuildID == "" {
		t.Errorf("target %+v", r.Target)
	}
	if r.CPU.UnwindCoveragePct == nil || *r.CPU.UnwindCoveragePct < 50 {
		t.Errorf("its code was not read from its own root: %v", r.CPU.UnwindCoveragePct)
	}
	// Its program lies where only its own root leads to.
	if !named(r, "server", "libc") {
		t.Errorf("nothing of its own has a name: %+v", r.CPU.Top)
	}
}

// named says that one of the top functions is of one of these objects and has a
// name from its symbols.
func named(r *results.Result, objects ...string) bool {
	for _, f := range r.CPU.Top {
		for _, object := range objects {
			if strings.HasPrefix(filepath.Base(f.Object), object) && !strings.Contains(f.Function, "0x") {
				return true
			}
		}
	}
	return false
}

func TestASocketInAContainerThatIsNoMoreThereIsToldSo(t *testing.T) {
	kerneltest.Privileged(t)
	pid := inContainer(t, "stampserver", "--busy-us", "20") // in code of its own
	sockets, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/root" + os.TempDir() + "/" + t.Name() + "*/*/s")
	if err != nil || len(sockets) != 1 {
		t.Fatalf("%v, %v", sockets, err)
	}
	if err := os.Remove(sockets[0]); err != nil {
		t.Fatal(err)
	}
	got := ipcprobe(t, "run", "--pid", strconv.Itoa(pid), "--out", filepath.Join(t.TempDir(), "run"))
	checkRefusal(t, got, "its file was removed")
}

// TestIpcprobeInAContainer runs it from a file system of its own that has nothing
// but /proc of the host's PID name space and /sys, as in a container that shares
// that name space; and without /sys it has to say what it lacks.
func TestIpcprobeInAContainer(t *testing.T) {
	kerneltest.Privileged(t)
	kerneltest.Root(t)
	kerneltest.Tool(t, "unshare")
	kerneltest.Tool(t, "chroot")
	root := t.TempDir()
	program := filepath.Join(t.TempDir(), "ipcprobe")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := startForeign(t)
	for name, c := range map[string]struct {
		mounts string
		code   int
		want   string
	}{
		"with /sys":    {`mount --rbind /sys sys`, exitDone, "Where a request"},
		"without /sys": {`:`, exitUsage, "/sys is not mounted here"},
	} {
		t.Run(name, func(t *testing.T) {
			script := `set -e
mount -t tmpfs none "$0"; cp "$1" "$0/ipcprobe"; cd "$0"; mkdir proc sys out dev; mount -t proc proc proc; ` + c.mounts + `
touch dev/null; mount --bind /dev/null dev/null; shift
set +e
chroot "$0" /ipcprobe run --quiet --duration 1s --warmup 100ms --out /out/run --pid "$@"
code=$?
ls -A out; exit $code`
			out, err := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, root, program, strconv.Itoa(server.Pid)).CombinedOutput()
			code := 0
			if exit, ok := err.(*exec.ExitError); ok {
				code = exit.ExitCode()
			}
			if code == exitInvalid && c.code == exitDone {
				code = exitDone // a busy machine: the generator was late
			}
			if code != c.code || !strings.Contains(string(out), c.want) || (c.code == exitDone) != strings.HasSuffix(string(out), "\nrun\n") {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, c.code, c.want, out)
			}
			t.Logf("%s", out)
		})
	}
	if !server.Alive() {
		t.Error("the gateway did not live on")
	}
}
