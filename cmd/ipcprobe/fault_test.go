// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// What befalls the target while it is measured.

// running is ipcprobe in the middle of a run.
type running struct {
	*exec.Cmd
	out, errs bytes.Buffer
	folder    string // where the run will be
}

// startRun starts `ipcprobe run` and returns once its probes are loaded and the
// load is under way.
func startRun(t *testing.T, pid int, args ...string) *running {
	t.Helper()
	kerneltest.Privileged(t)
	r := &running{folder: filepath.Join(openFolder(t), "run")}
	r.Cmd = command(append([]string{"run", "--quiet", "--pid", strconv.Itoa(pid), "--warmup", "100ms",
		"--timeout", "1s", "--out", r.folder}, args...)...)
	r.Stdout, r.Stderr = &r.out, &r.errs
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.ProcessState == nil {
			_ = r.Process.Kill()
			_ = r.Wait()
		}
	})
	for range 500 {
		if len(programsOf(t, r.Process.Pid)) > 0 {
			time.Sleep(500 * time.Millisecond) // into the slices
			return r
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("it never loaded a program:\n%s", r.errs.String())
	return nil
}

// end waits for it and gives its exit code.
func (r *running) end(t *testing.T) int {
	t.Helper()
	late := time.AfterFunc(90*time.Second, func() { _ = r.Process.Kill() })
	defer late.Stop()
	_ = r.Wait() // the code says it
	return r.ProcessState.ExitCode()
}

// programsOf are the ids of the BPF programs that a process holds.
func programsOf(t *testing.T, pid int) []string {
	t.Helper()
	return heldBy(t, pid, "prog_id:")
}

// heldBy are the numbers of what a process's descriptors are said to hold.
func heldBy(t *testing.T, pid int, key string) []string {
	t.Helper()
	folder := "/proc/" + strconv.Itoa(pid) + "/fdinfo"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // it has ended
	}
	var ids []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		for line := range strings.Lines(string(text)) {
			if id, ok := strings.CutPrefix(line, key); ok {
				ids = append(ids, strings.TrimSpace(id))
			}
		}
	}
	return ids
}

// probed waits until probed slices are over, so that there is something measured.
// The probes are on for a moment before the first of them, too, to see that they
// can be.
func (r *running) probed(t *testing.T) {
	t.Helper()
	over, on := 0, false
	for range 3000 {
		was := on
		if on = len(heldBy(t, r.Process.Pid, "link_id:")) > 0; was && !on {
			if over++; over == 3 {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d probed slices began and ended:\n%s", over, r.errs.String())
}

// generatorOf is the load generator of a running ipcprobe.
func generatorOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children")
	if err != nil {
		t.Fatal(err)
	}
	children := strings.Fields(string(text))
	// A child belongs to the thread that started it.
	tasks, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + task.Name() + "/children") // a thread may end
		children = append(children, strings.Fields(string(text))...)
	}
	for _, child := range children {
		line, _ := os.ReadFile("/proc/" + child + "/cmdline")
		if bytes.Contains(line, []byte("--control-fd")) {
			n, err := strconv.Atoi(child)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("process %d has no load generator among %v", pid, children)
	return 0
}

// signal sends one to a process of this test.
func signalTo(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// mustSay holds an exit code and a word on either output.
func (r *running) mustSay(t *testing.T, code, want int, words string) {
	t.Helper()
	// The report is broken into lines of 80 columns.
	said := strings.Join(strings.Fields(r.out.String()+" "+r.errs.String()), " ")
	if code != want || !strings.Contains(said, words) || strings.Contains(said, "goroutine ") {
		t.Errorf("exit code %d, want %d, and the words %q in:\n%s%s", code, want, words, r.out.String(), r.errs.String())
	}
}

func TestATargetThatIsStoppedAndContinued(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	r := startRun(t, server.Pid, "--duration", "5s")
	signalTo(t, server.Pid, syscall.SIGSTOP)
	time.Sleep(3 * time.Second) // three timeouts: every connection is given up
	signalTo(t, server.Pid, syscall.SIGCONT)
	r.mustSay(t, r.end(t), exitInvalid, "target was stopped")
	if result := readResult(t, r.folder); result.Valid || result.Load.AchievedRPS != nil {
		t.Errorf("valid %v, rate %v", result.Valid, result.Load.AchievedRPS)
	}
	time.Sleep(200 * time.Millisecond)
	if !server.Alive() {
		t.Error("the gateway died when it went on: somebody hung up on it")
	}
}

func TestATargetThatStaysStoppedIsWaitedForAtTheEnd(t *testing.T) {
	kerneltest.Privileged(t)
	t.Parallel() // it sleeps most of its time
	server := startForeign(t)
	r := startRun(t, server.Pid, "--duration", "2s")
	signalTo(t, server.Pid, syscall.SIGSTOP)
	time.Sleep(12 * time.Second)
	if r.Process.Signal(syscall.Signal(0)) != nil {
		t.Error("ipcprobe has left a target that owes answers")
	}
	signalTo(t, server.Pid, syscall.SIGCONT)
	r.mustSay(t, r.end(t), exitInvalid, "target was stopped")
	time.Sleep(200 * time.Millisecond)
	if !server.Alive() {
		t.Error("the gateway died when it went on: somebody hung up on it")
	}
}

func TestAStoppedTargetIsRefused(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	signalTo(t, server.Pid, syscall.SIGSTOP)
	got := ipcprobe(t, "run", "--pid", strconv.Itoa(server.Pid), "--out", filepath.Join(t.TempDir(), "run"))
	signalTo(t, server.Pid, syscall.SIGCONT)
	checkRefusal(t, got, "kill -CONT")
	if !server.Alive() {
		t.Error("the gateway did not live on")
	}
}

func TestATargetThatRunsAnotherProgram(t *testing.T) {
	kerneltest.Privileged(t)
	server, _ := startPeer(t, "naughty", "--mode", "exec", "--at", "20000")
	r := startRun(t, server.Pid, "--duration", "20s", "--rate", "4000")
	r.mustSay(t, r.end(t), exitInvalid, "another program (exec)")
	if result := readResult(t, r.folder); !result.Run.Partial {
		t.Errorf("not partial: %+v", result.Run)
	}
}

func TestATargetThatForks(t *testing.T) {
	kerneltest.Privileged(t)
	server, _ := startPeer(t, "naughty", "--mode", "fork", "--at", "3000")
	r := measureLenient(t, "--pid", strconv.Itoa(server.Pid), "--duration", "3s", "--warmup", "100ms", "--rate", "2000")
	if r.Join == nil || r.Join.MatchedPct < 99.9 || r.Loss.Lost > 0 {
		t.Errorf("join %+v, loss %+v", r.Join, r.Loss)
	}
	if !server.Alive() {
		t.Error("the server did not live on")
	}
}

// TestAnotherProcessUnderTheSameNumber: who is measured is told by number, start
// time and program, and a number that has gone to somebody else is not signalled.
func TestAReplacedTargetIsNotMeasured(t *testing.T) {
	kerneltest.Privileged(t)
	first := startForeign(t)
	r := startRun(t, first.Pid, "--duration", "20s")
	r.probed(t)
	first.Stop()
	// Its successor on the same socket is somebody else.
	second := peer.Start(t, "[gw] listening", peer.Build(t, "foreign"), filepath.Join(openFolder(t), "s"))
	r.mustSay(t, r.end(t), exitInvalid, "in the middle of the run")
	if !second.Alive() {
		t.Error("the successor was touched")
	}
}

func TestNATSGoesAwayInTheMiddle(t *testing.T) {
	kerneltest.Privileged(t)
	keeper, pid := startKept(t)
	r := startRun(t, pid, "--duration", "6s", "--rate", "500")
	signalTo(t, keeper.Pid, syscall.SIGUSR1)
	time.Sleep(2 * time.Second)
	signalTo(t, keeper.Pid, syscall.SIGUSR1)
	r.mustSay(t, r.end(t), exitInvalid, "failed")
	result := readResult(t, r.folder)
	if n := result.Load.Requests; result.Valid || n.Failed() == 0 || n.OK == 0 || n.Sent != n.OK+n.Failed()+n.Censored {
		t.Errorf("valid %v, %+v", result.Valid, n)
	}
	if !keeper.Alive() {
		t.Errorf("the gateway did not live on:\n%s", keeper.Output())
	}
}

func TestAWatchedTargetThatIsStopped(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	var out, errs bytes.Buffer
	c := command("watch", "--pid", strconv.Itoa(server.Pid), "--interval", "200ms", "--duration", "3s")
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	signalTo(t, server.Pid, syscall.SIGSTOP)
	time.Sleep(500 * time.Millisecond)
	signalTo(t, server.Pid, syscall.SIGCONT)
	if err := c.Wait(); err != nil || !strings.Contains(errs.String(), "the target was stopped") {
		t.Errorf("%v\n%s%s", err, out.String(), errs.String())
	}
}
