// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// loop is the function of peer.c that calls all that it does.
const loop = "peer_loop"

// walked is what the samples of a peer say.
type walked struct {
	samples, complete int64
	cut               map[string]int64 // frames [unwind: reason], by sample
	within            map[string]int64 // samples with the function anywhere
	kinds             [results.CallEntry + 1]int64
	deepest           int
	coverage          results.Coverage
}

func (w *walked) completePct() float64 { return 100 * float64(w.complete) / float64(max(1, w.samples)) }

// peersVariable names a folder of programs to run as they are, where there is no
// compiler: in a guest with another kernel, where one linked statically will do.
const peersVariable = "IPCPROBE_TEST_PEERS"

// compilePeer builds a source of loader/unwind/testdata.
func compilePeer(t testing.TB, compiler, source string, flags ...string) string {
	t.Helper()
	if made := os.Getenv(peersVariable); made != "" {
		return filepath.Join(made, strings.TrimSuffix(source, ".c"))
	}
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(source, ".c"))
	args := append([]string{"-o", out, filepath.Join("unwind", "testdata", source)}, flags...)
	if text, err := exec.Command(kerneltest.Tool(t, compiler), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", compiler, args, err, text)
	}
	return out
}

// startPeer runs a peer until the test ends, and returns once it works.
func startPeer(t testing.TB, program string, args ...string) (pid int) {
	t.Helper()
	command := exec.Command(program, args...)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%s %v says %q: %v", program, args, line, err)
	}
	return command.Process.Pid
}

// sample takes so many CPU samples of a process, looking for new code as the
// driver of a run does.
func sample(t testing.TB, pid int, enough uint64) *walked {
	t.Helper()
	return sampleWith(t, enough, Options{Target: pid})
}

func sampleWith(t testing.TB, enough uint64, options Options) *walked {
	t.Helper()
	kerneltest.Privileged(t)
	pid := options.Target
	options.SampleHz = 997
	probes, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer probes.Close()
	process := symbol.OpenProcess(pid)
	defer process.Close()
	if err := process.Refresh(); err != nil {
		t.Log(err)
	}
	check := func(err error) {
		if t.Helper(); err != nil {
			t.Fatal(err)
		}
	}
	check(probes.Attach())
	check(probes.Count(true))
	const most = time.Minute // on a machine that has much else to do
	for begin := time.Now(); taken(t, probes) < enough && time.Since(begin) < most; {
		time.Sleep(10 * time.Millisecond)
		_, err := probes.Drain()
		check(err)
	}
	check(probes.Count(false))
	check(probes.Detach())
	_, err = probes.Collect(nil)
	check(err)
	if err := process.Refresh(); err != nil {
		t.Log(err)
	}
	kernel, err := symbol.OpenKernel()
	check(err)
	loss, err := probes.Loss()
	check(err)
	if !loss.Reconciled || loss.Lost > 0 {
		t.Errorf("accounts: %+v", *loss)
	}
	w := &walked{cut: make(map[string]int64), within: make(map[string]int64)}
	w.coverage = probes.Coverage()
	stacks := probes.Stacks(kernel, process)
	for _, s := range probes.Samples() {
		// Of a thread that leaves its CPU, or calls, too: the walk is the same.
		w.add(&stacks[s.Stack], s.Kind)
	}
	return w
}

// taken counts the CPU samples up to now.
func taken(t testing.TB, p *Probes) uint64 {
	t.Helper()
	loss, err := p.Loss()
	if err != nil {
		t.Fatal(err)
	}
	return loss.Programs[bpf.ProbeProgramPROGRAM_CPU_SAMPLE].Emitted
}

func (w *walked) add(s *results.Stack, kind results.SampleKind) {
	w.samples++
	w.kinds[kind]++
	if s.Complete {
		w.complete++
	} else {
		// Where it was cut, for who has to find out why.
		n := len(s.Frames)
		w.cut[s.Frames[n-1].Function+" at "+s.Frames[max(0, n-2)].Function]++
	}
	seen := make(map[string]bool)
	user := 0
	for _, f := range s.Frames {
		if !f.Kernel {
			user++
		}
		for _, name := range []string{f.Function, f.Object} {
			if !seen[name] {
				seen[name] = true
				w.within[name]++
			}
		}
	}
	w.deepest = max(w.deepest, user)
}

// hold holds a peer's stacks to be whole and to go through a function, and the peer
// to have done what the test is about: each of inside is a function or object that
// samples must be in.
func hold(t *testing.T, w *walked, through string, inside ...string) {
	t.Helper()
	t.Logf("%d CPU samples, %d of switches and %d of calls; %.2f %% whole, at most %d user frames; cut: %v",
		w.kinds[results.OnCPU], w.kinds[results.OffCPU], w.kinds[results.CallEntry], w.completePct(), w.deepest, w.cut)
	if w.kinds[results.OnCPU] < 100 {
		t.Errorf("only %d samples", w.samples)
	}
	if w.completePct() < 99 {
		t.Errorf("%.2f %% of the stacks are whole", w.completePct())
	}
	// A walk that took a wrong turn would have missed what calls all of it.
	if through != "" && w.within[through]*100 < w.samples*98 {
		t.Errorf("%d of %d samples in %s", w.within[through], w.samples, through)
	}
	for _, name := range inside {
		if !slices.ContainsFunc(strings.Split(name, "|"), func(n string) bool { return w.within[n]*20 > w.samples }) {
			t.Errorf("%d of %d samples in %s: the test is about something else; %v", w.within[name], w.samples, name, w.within)
		}
	}
}

// The walk is in the object of each rung, whatever the kernel's age.
func TestStacksAreWholeOnEachRung(t *testing.T) {
	program := compilePeer(t, "gcc", "peer.c", "-O2", "-fomit-frame-pointer", "-static", "-pthread", "-w")
	onEachRung(t, func(t *testing.T, rung Rung) {
		for _, kind := range []string{"frames", "large", "clock"} {
			hold(t, sampleWith(t, 150, Options{Target: startPeer(t, program, kind), Rung: rung}), loop)
		}
	})
}

// Every way to build a program, and a stack of some frames.
func TestStacksOfAnyBuildAreWhole(t *testing.T) {
	kerneltest.Privileged(t)
	for _, b := range []struct {
		name, compiler string
		flags          []string
		through        string
		inside         string
	}{
		{"gcc -O0", "gcc", []string{"-O0"}, loop, "peer_leaf"},
		{"gcc -O2", "gcc", []string{"-O2", "-fomit-frame-pointer"}, loop, "peer_leaf"},
		{"gcc -Os", "gcc", []string{"-Os"}, loop, "peer_leaf"},
		{"gcc -O3 -flto", "gcc", []string{"-O3", "-flto"}, loop, "peer_leaf"},
		{"gcc no PIE", "gcc", []string{"-O2", "-no-pie"}, loop, "peer_leaf"},
		{"clang -O0", "clang", []string{"-O0"}, loop, "peer_leaf"},
		{"clang -O2", "clang", []string{"-O2"}, loop, "peer_leaf"},
		{"stripped", "gcc", []string{"-O2", "-s"}, "", "peer"},
		{"static", "gcc", []string{"-O2", "-static"}, loop, "peer_leaf"},
		{"static PIE", "gcc", []string{"-O2", "-static-pie"}, loop, "peer_leaf"},
		{"static, stripped", "gcc", []string{"-O2", "-static", "-s"}, "", "peer"},
	} {
		t.Run(b.name, func(t *testing.T) {
			program := compilePeer(t, b.compiler, "peer.c", append(b.flags, "-pthread", "-w")...)
			hold(t, sample(t, startPeer(t, program, "frames"), 400), b.through, b.inside)
		})
	}
}

// Every place that code can be in.
func TestStacksFromAnywhereAreWhole(t *testing.T) {
	kerneltest.Privileged(t)
	program := compilePeer(t, "gcc", "peer.c", "-O2", "-fomit-frame-pointer", "-DLIBRARIES", "-pthread", "-ljansson", "-lnats", "-ldl")
	library := compilePeer(t, "gcc", "library.c", "-O2", "-shared", "-fPIC", "-fno-builtin", "-Wl,-z,lazy")
	for _, k := range []struct {
		kind    string
		samples uint64
		through string
		inside  []string
	}{
		{"frames", 400, loop, []string{"peer_deep"}},
		{"deep", 400, loop, []string{"peer_deep"}},
		{"realign", 400, loop, []string{"peer_aligned"}},
		{"large", 400, loop, []string{"peer_send", "__libc_send|send|__send"}},
		{"copy", 400, loop, []string{"libc.so.6"}},
		{"clock", 400, loop, []string{"[vdso]"}},
		{"stubs", 400, loop, []string{"compare", "libc.so.6"}},
		{"signals", 400, loop, []string{"peer_handler", "peer_signals"}},
		{"sigaltstack", 400, loop, []string{"peer_handler", "peer_signals"}},
		{"load", 4000, loop, []string{"library_leaf"}},
		{"lazy", 4000, loop, []string{"ld-linux-x86-64.so.2", "library_resolve"}},
		{"contexts", 400, "", []string{"peer_coroutine"}},
		{"threads", 400, "", []string{"peer_short|peer_threads|clone3"}},
		{"in-thread", 400, loop, []string{"start_thread"}},
		{"jansson", 400, loop, []string{"libjansson.so.4.14.0|libjansson.so.4"}},
		{"nats", 400, loop, []string{"libnats.so.3.4.1|libnats.so.3"}},
	} {
		t.Run(k.kind, func(t *testing.T) {
			hold(t, sample(t, startPeer(t, program, k.kind, library), k.samples), k.through, k.inside...)
		})
	}
}
