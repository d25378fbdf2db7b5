// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// A suite that is killed, or whose target is stopped.

// shortSuiteVariable makes the test binary be a suite whose phases last a second:
// "PID FOLDER", or "PID FOLDER resume".
const shortSuiteVariable = "IPCPROBE_TEST_SUITE"

func shortSuite(way string) int {
	words := strings.Fields(way)
	pid, _ := strconv.Atoi(words[0])
	options := load.Defaults()
	options.Warmup = 100 * time.Millisecond
	o := &suiteOptions{run: runOptions{budget: 100, hz: 199, name: "v1", build: "v1", format: "text", load: &options, pid: pid,
		args: []string{"ipcprobe", "suite", "--name", "v1", "--pid", words[0]}},
		parent: words[1], rate: 500, short: time.Second, resume: len(words) > 2}
	err := suite(context.Background(), o, os.Stdout, os.Stderr)
	var code exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(os.Stderr, err)
	return exitUsage
}

// watchedOutput is what a process has said so far.
type watchedOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *watchedOutput) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *watchedOutput) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// suiteUnderWay is a short suite that runs as a process of its own.
type suiteUnderWay struct {
	*exec.Cmd
	said watchedOutput
	over chan struct{}
}

func startSuite(t *testing.T, pid int, folder, resume string) *suiteUnderWay {
	t.Helper()
	s := &suiteUnderWay{Cmd: exec.Command(os.Args[0]), over: make(chan struct{})}
	s.Env = append(os.Environ(), shortSuiteVariable+"="+strings.TrimSpace(strconv.Itoa(pid)+" "+folder+" "+resume))
	s.Stdout, s.Stderr = &s.said, &s.said
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.over)
		_ = s.Wait() // its code says it
	}()
	t.Cleanup(func() {
		_ = s.Process.Kill()
		<-s.over
	})
	return s
}

// await waits until something is the case while the suite runs.
func (s *suiteUnderWay) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 6000 {
		if is() {
			return
		}
		select {
		case <-s.over:
			if is() { // the last moment is a short one
				return
			}
			t.Fatalf("the suite ended before %s:\n%s", what, s.said.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("never came %s:\n%s", what, s.said.String())
}

// said is a moment: the suite has printed these words.
func said(words string) func(*suiteUnderWay) bool {
	return func(s *suiteUnderWay) bool { return strings.Contains(s.said.String(), words) }
}

// loading is a moment: the phase that began with these words has a generator whose
// arguments hold another word.
func loading(words, argument string) func(*suiteUnderWay) bool {
	return func(s *suiteUnderWay) bool {
		return strings.Contains(s.said.String(), words) && slices.ContainsFunc(generatorsOf(s.Process.Pid), func(line string) bool {
			return strings.Contains(line, argument)
		})
	}
}

// generatorsOf are the command lines of the load generators of an ipcprobe.
func generatorsOf(pid int) []string {
	var out []string
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread may end
		for _, child := range strings.Fields(string(text)) {
			line, _ := os.ReadFile("/proc/" + child + "/cmdline")
			if bytes.Contains(line, []byte("--control-fd")) {
				out = append(out, strings.ReplaceAll(string(line), "\x00", " "))
			}
		}
	}
	return out
}

// heapLoad is an argument that the generators of a heap phase alone have.
const heapLoad = "--duration=1h0m0s"

// TestAKilledSuiteGoesOnToTheSameResults kills one suite at each boundary between
// its phases and in the middle of each, by SIGKILL, and resumes it each time. In the
// end there is what a suite leaves that nobody disturbed, no phase was measured
// twice, nothing else lies about, and the gateway, which would die of a client that
// leaves too early, lives.
func TestAKilledSuiteGoesOnToTheSameResults(t *testing.T) {
	kerneltest.Privileged(t)
	gateway := startForeign(t)
	undisturbed, folder := openFolder(t), openFolder(t)
	whole := startSuite(t, gateway.Pid, undisturbed, "")
	<-whole.over
	if !strings.Contains(whole.said.String(), "The baseline is ") {
		t.Fatalf("the suite that nobody disturbed:\n%s", whole.said.String())
	}
	began := map[string]string{} // of the phases that were there when it was killed
	resume := ""
	for _, moment := range []struct {
		what  string
		is    func(*suiteUnderWay) bool
		later time.Duration
		kept  int // phases that have to be whole by then
	}{
		{"before anything", said("[1/4]"), 0, 0},
		{"throughput", loading("[1/4]", "load"), 700 * time.Millisecond, 0},
		{"behind throughput", said("[2/4] latency: 1s"), 0, 1},
		{"latency", loading("[2/4]", "load"), 700 * time.Millisecond, 1},
		{"behind latency", said("[3/4] memory: 1s"), 0, 2},
		{"memory", loading("[3/4]", "load"), 700 * time.Millisecond, 2},
		{"the heap", loading("[3/4]", heapLoad), 300 * time.Millisecond, 2},
		{"behind memory", said("[4/4] cpu: 1s"), 0, 3},
		{"CPU", loading("[4/4]", "load"), 700 * time.Millisecond, 3},
		{"behind CPU", said("CPU Benchmark"), 0, 4},
	} {
		s := startSuite(t, gateway.Pid, folder, resume)
		s.await(t, moment.what, func() bool { return moment.is(s) })
		time.Sleep(moment.later)
		_ = s.Process.Kill()
		<-s.over
		if moment.later > 0 && strings.Contains(s.said.String(), "The baseline is") {
			t.Errorf("%s: it ended before it was killed", moment.what)
		}
		now := startsOf(t, folder)
		for name, start := range began {
			if now[name] != start {
				t.Errorf("%s: %s began at %s and now at %q", moment.what, name, start, now[name])
			}
		}
		if whole, _ := filepath.Glob(filepath.Join(folder, "v1-*")); len(whole) < moment.kept {
			t.Errorf("%s: %d phases are whole, want %d", moment.what, len(whole), moment.kept)
		}
		began, resume = now, "resume"
	}
	last := startSuite(t, gateway.Pid, folder, resume)
	<-last.over
	for _, title := range []string{"IPC Throughput Benchmark", "IPC Latency Benchmark", "Memory Benchmark", "CPU Benchmark", "The baseline is "} {
		if strings.Count(last.said.String(), title) != 1 {
			t.Errorf("%q does not stand once in:\n%s", title, last.said.String())
		}
	}
	now := startsOf(t, folder)
	for name, start := range began {
		if now[name] != start {
			t.Errorf("%s was measured again", name)
		}
	}
	if want, got := filesIn(t, undisturbed), filesIn(t, folder); !slices.Equal(got, want) {
		t.Errorf("it left\n%q\nand undisturbed\n%q", got, want)
	}
	want, got := shapeOf(t, undisturbed), shapeOf(t, folder)
	if !slices.Equal(got, want) {
		t.Errorf("its baseline has the lines\n%q\nand undisturbed\n%q", got, want)
	}
	if !gateway.Alive() {
		t.Errorf("the gateway did not survive it:\n%.2000s", gateway.Output())
	}
	nothingLeft(t)
}

// startsOf is when the phases that are stored whole and valid began, by their names.
func startsOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	out := map[string]string{}
	runs, _ := filepath.Glob(filepath.Join(folder, "v1-*"))
	for _, run := range runs {
		if r := resultIn(t, run); r.Valid { // what a busy machine spoilt is measured again
			out[filepath.Base(run)] = r.Run.StartedAt
		}
	}
	return out
}

// filesIn are the paths of all files below a folder, hidden ones too.
func filesIn(t *testing.T, folder string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		name, _ := filepath.Rel(folder, path)
		out = append(out, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shapeOf are the headings, block titles and the first words of a baseline's
// tables and lists: what stays when it is measured again.
func shapeOf(t *testing.T, folder string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "v1_baseline.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "## Warnings"):
			return out // those differ
		case strings.HasPrefix(line, "#"), strings.Contains(line, "Benchmark"):
			out = append(out, strings.TrimSpace(line))
		case strings.HasPrefix(line, "| `"):
			out = append(out, strings.Fields(line)[1])
		case strings.Contains(line, "could not be judged"), strings.Contains(line, "are not judged on"):
			// a busy machine's doing
		case strings.HasPrefix(line, "- "):
			out = append(out, strings.Fields(line)[1])
		}
	}
	return out
}

// Of a target that is stopped in the heap phase nothing is quoted, and it is not
// hung up on before it goes on.
func TestATargetThatIsStoppedInItsHeapPhase(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	r := startRun(t, server.Pid, "--heap", "--duration", "3s", "--budget", "100")
	for range 6000 {
		if slices.ContainsFunc(generatorsOf(r.Process.Pid), func(line string) bool { return strings.Contains(line, heapLoad) }) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	// It prints a line for each request: the load is under way.
	for before := strings.Count(server.Output(), "\n"); strings.Count(server.Output(), "\n") < before+60 && r.alive(); {
		time.Sleep(10 * time.Millisecond)
	}
	signalTo(t, server.Pid, syscall.SIGSTOP)
	time.Sleep(1500 * time.Millisecond)
	signalTo(t, server.Pid, syscall.SIGCONT)
	r.mustSay(t, r.end(t), exitInvalid, "target was stopped")
	result := readResult(t, r.folder)
	if result.Valid || !wasStopped(result) {
		t.Errorf("valid %v: %q", result.Valid, result.InvalidReasons)
	}
	time.Sleep(200 * time.Millisecond)
	if !server.Alive() {
		t.Error("the gateway died when it went on: somebody hung up on it")
	}
}

// wasStopped says that a result is invalid because its target was stopped.
func wasStopped(result *results.Result) bool {
	return slices.ContainsFunc(result.InvalidReasons, func(why string) bool { return strings.Contains(why, "the target was stopped") })
}

// Of a phase in which the target is stopped nothing is quoted, and the others are
// as they are.
func TestATargetThatIsStoppedInAPhaseOfASuite(t *testing.T) {
	kerneltest.Privileged(t)
	gateway := startForeign(t)
	folder := openFolder(t)
	s := startSuite(t, gateway.Pid, folder, "")
	s.await(t, "the latency phase", func() bool { return loading("[2/4]", "load")(s) })
	time.Sleep(300 * time.Millisecond)
	signalTo(t, gateway.Pid, syscall.SIGSTOP)
	time.Sleep(700 * time.Millisecond)
	signalTo(t, gateway.Pid, syscall.SIGCONT)
	<-s.over
	if code := s.ProcessState.ExitCode(); code != exitInvalid {
		t.Errorf("exit code %d:\n%s", code, s.said.String())
	}
	for _, kind := range suiteKinds {
		result := resultIn(t, filepath.Join(folder, "v1-"+string(kind)))
		stopped := wasStopped(result)
		if stopped != (kind == results.SuiteLatency) {
			t.Errorf("%s: %q", kind, result.InvalidReasons)
		}
	}
	if !gateway.Alive() {
		t.Error("the gateway did not live on")
	}
}

// A suite is not resumed on another server than it began with.
func TestASuiteOfTwoServersIsRefused(t *testing.T) {
	kerneltest.Privileged(t)
	first := startForeign(t)
	folder := openFolder(t)
	s := startSuite(t, first.Pid, folder, "")
	s.await(t, "the latency phase", func() bool { return said("[2/4]")(s) })
	_ = s.Process.Kill()
	<-s.over
	second, _ := startPeer(t, "stampserver")
	again := startSuite(t, second.Pid, folder, "resume")
	<-again.over
	if code := again.ProcessState.ExitCode(); code != exitUsage || !strings.Contains(again.said.String(), "the server was "+peer.Build(t, "foreign")) {
		t.Errorf("exit code %d:\n%s", code, again.said.String())
	}
}

// alive says that it still runs.
func (r *running) alive() bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(r.Process.Pid) + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ")
}
