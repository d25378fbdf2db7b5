// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// burned are the shares of the burner's own time, percent; burner.c has the same.
var burned = map[string]float64{"ipc_protocol_decode": 35, "nats_publish": 24, "json_parse": 15, "respond": 26}

// profiled runs ipcprobe on a peer until it has enough samples, and ends the peer.
func profiled(t *testing.T, p *peer.Process, args ...string) (r *results.Result, out, words string) {
	t.Helper()
	kerneltest.Privileged(t)
	out = filepath.Join(t.TempDir(), "run")
	got := ipcprobe(t, append([]string{"run", "--quiet", "--pid", strconv.Itoa(p.Pid), "--out", out,
		"--rate", "max", "--connections", "2", "--warmup", "100ms"}, args...)...)
	if got.code != exitDone && got.code != exitInvalid {
		t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	r = resultIn(t, out)
	if code := p.Stop(); code != 0 {
		t.Errorf("the peer ended with %d:\n%s", code, p.Output())
	}
	return r, out, p.Output()
}

// resultIn reads the result alone: a server whose requests can't be joined leaves
// fewer files.
func resultIn(t *testing.T, out string) *results.Result {
	t.Helper()
	file, err := os.Open(filepath.Join(out, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := store.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func profileIn(t *testing.T, out, name string) *profile.Profile {
	t.Helper()
	file, err := os.Open(filepath.Join(out, name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p, err := profile.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

// has says that a function is anywhere on a sample's stack.
func has(s *profile.Sample, function string) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function.Name == function {
				return true
			}
		}
	}
	return false
}

// near holds that a share of n samples is as it should be, within two points, three
// deviations of so few samples, and what was stolen; all are shares, 0 to 1.
func near(t *testing.T, what string, got, want float64, n int64, stolen float64) {
	t.Helper()
	if bound := 0.02 + 3*math.Sqrt(want*(1-want)/float64(n)) + stolen; math.Abs(got-want) > bound {
		t.Errorf("%s: %.1f %%, want %.1f %% within %.1f points (%d samples)", what, 100*got, 100*want, 100*bound, n)
	}
}

// stealing is the steal time, in percent, from which on samples may be stolen.
const stealing = 0.5

// stolen is the share of a profile's samples, 0 to 1, that stand for more than the
// target's CPU time where a hypervisor takes the CPU for others. The clock of the samples
// goes on meanwhile and the scheduler's does not; where those samples belong nobody knows,
// though most are where the kernel wakes another CPU. It is 0 where nothing was taken:
// there the two clocks have to agree.
func stolen(r *results.Result, p *profile.Profile) float64 {
	var samples int64
	for _, s := range p.Sample {
		samples += s.Value[0]
	}
	spent, byClock := float64(probedCPU(r)), float64(samples*p.Period)
	if r.Environment.StealPct < stealing || spent == 0 || byClock <= spent {
		return 0
	}
	return 1 - spent/byClock
}

// probedCPU is the target's CPU time in the probed slices, ns.
func probedCPU(r *results.Result) (ns int64) {
	for _, s := range r.Run.Slices {
		if s.Mode == results.Probed.String() {
			ns += s.CPUNs
		}
	}
	return ns
}

var burning = flag.Duration("burn", 10*time.Second, "how long the burner's shares are measured; 30s is full length")

func TestKnownSharesAreFound(t *testing.T) {
	server, _ := startPeer(t, "burner")
	r, out, words := profiled(t, server, "--duration", burning.String(), "--slice", "1s", "--budget", "100", "--payload", "64")
	var requests, userUs, kernelUs float64
	last := words[strings.LastIndex(words, "done "):]
	if _, err := fmt.Sscanf(last, "done requests=%f user_us=%f kernel_us=%f", &requests, &userUs, &kernelUs); err != nil {
		t.Fatalf("%v in %q", err, last)
	}
	p := profileIn(t, out, "cpu.pb.gz")
	var all, user, ours int64
	functions := map[string]int64{}
	for _, s := range p.Sample {
		n := s.Value[0]
		all += n
		if len(s.Label["code"]) > 0 {
			ours += n
		}
		if m := s.Location[0].Mapping; m != nil && !strings.HasPrefix(m.File, "[") {
			user += n
		}
		for name := range burned {
			if has(s, name) && (s.Location[0].Mapping == nil || !strings.HasPrefix(s.Location[0].Mapping.File, "[")) {
				functions[name] += n
			}
		}
	}
	if all < 200 {
		t.Fatalf("%d samples: the machine was too busy to measure", all)
	}
	userShare := userUs / (userUs + kernelUs)
	t.Logf("%d samples; user share %.1f %% of them, %.1f %% in the report, %.1f %% by getrusage; %.2f %% of the stacks are whole", all,
		100*float64(user)/float64(all), 100*r.CPU.UserPct/(r.CPU.UserPct+r.CPU.KernelPct), 100*userShare, r.CPU.CompleteStacksPct)
	for name, share := range burned {
		t.Logf("%s: %.1f %% of the samples, burned %.1f %%", name, 100*float64(functions[name])/float64(all), userShare*share)
	}
	elsewhere := stolen(r, p)
	t.Logf("%.2f %% steal; %.1f %% of the samples stand for more than the CPU time", r.Environment.StealPct, 100*elsewhere)
	near(t, "user share of the samples", float64(user)/float64(all), userShare, all, elsewhere)
	near(t, "user share of the report", r.CPU.UserPct/(r.CPU.UserPct+r.CPU.KernelPct), userShare, all, 0)
	for name, share := range burned {
		near(t, name, float64(functions[name])/float64(all), userShare*share/100, all, elsewhere)
	}
	checkHottest(t, r, "ipc_protocol_decode", elsewhere)
	if r.CPU.CompleteStacksPct < 99 {
		t.Errorf("%.1f %% of the stacks are whole", r.CPU.CompleteStacksPct)
	}
	checkTotal(t, r, p)
	checkBands(t, p)
}

// checkHottest holds that a function is the first of the report, but for the kernel's
// that has what was stolen.
func checkHottest(t *testing.T, r *results.Result, function string, stolen float64) {
	t.Helper()
	top := r.CPU.Top
	if stolen > 0 && len(top) > 1 && top[0].Object == "[kernel]" {
		top = top[1:]
	}
	if top[0].Function != function {
		t.Errorf("the hottest function is %+v", top[0])
	}
}

// checkTotal holds the profile's sum against the scheduler's clock.
func checkTotal(t *testing.T, r *results.Result, p *profile.Profile) {
	t.Helper()
	var ns, samples int64
	for _, s := range p.Sample {
		samples += s.Value[0]
		ns += s.Value[1]
	}
	spent := probedCPU(r)
	t.Logf("the profile adds up to %.3f of the target's CPU time", float64(ns)/float64(spent))
	if ratio := float64(ns) / float64(spent); ratio < 0.97 || ratio > 1.03 {
		t.Errorf("the profile adds up to %d ns, the target's CPU time is %d", ns, spent)
	}
	// The clock by itself finds as much, as far as so few samples tell.
	byClock := float64(samples*p.Period) * (1 - stolen(r, p))
	if bound := 0.03 + 4/math.Sqrt(float64(samples)); math.Abs(byClock/float64(spent)-1) > bound {
		t.Errorf("%d samples of %d ns against %d ns of CPU time", samples, p.Period, spent)
	}
}

// checkBands holds that most of the time of a server that only serves is that of a
// request.
func checkBands(t *testing.T, p *profile.Profile) {
	t.Helper()
	bands, all := map[string]int64{}, int64(0)
	for _, s := range p.Sample {
		all += s.Value[0]
		if b := s.Label["band"]; len(b) > 0 {
			bands[b[0]] += s.Value[0]
		}
	}
	if fast, usual := bands["below p50"], bands["p50-p99"]; fast == 0 || usual == 0 || (fast+usual+bands["above p99"])*10 < all*7 {
		t.Errorf("bands %v of %d samples", bands, all)
	}
}

func TestTheGoToolReadsARunsProfiles(t *testing.T) {
	server, _ := startPeer(t, "burner")
	_, out, _ := profiled(t, server, "--duration", "2s", "--budget", "50", "--payload", "64")
	file := func(name string) string { return filepath.Join(out, name) }
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"top":       {[]string{"-top", file("cpu.pb.gz")}, "ipc_protocol_decode"},
		"peek":      {[]string{"-peek", "nats_publish", file("cpu.pb.gz")}, "handle"},
		"tagfocus":  {[]string{"-top", "-tagfocus", "band=p50-p99", file("cpu.pb.gz")}, "json_parse"},
		"diff_base": {[]string{"-top", "-diff_base", file("cpu.pb.gz"), file("cpu.pb.gz")}, "Showing nodes accounting for 0, 0%"},
		"off CPU":   {[]string{"-top", file("offcpu.pb.gz")}, "Type: delay"},
		"calls":     {[]string{"-peek", "sendto", file("syscalls.pb.gz")}, "send"},
	} {
		args := append([]string{"tool", "pprof", "-symbolize=none"}, c.args...)
		got, err := exec.Command("go", args...).CombinedOutput()
		if err != nil || !strings.Contains(string(got), c.want) {
			t.Errorf("%s: %v, no %q in\n%s", name, err, c.want, got)
		}
	}
	folded, err := os.ReadFile(file("cpu.folded"))
	if err != nil || !strings.Contains(string(folded), ";handle;ipc_protocol_decode") {
		t.Errorf("%v, folded stacks:\n%.2000s", err, folded)
	}
}

// A bound must hold against the server that was really freed of the cost.
func TestBoundsHoldAgainstTheBuildWithoutTheCost(t *testing.T) {
	for name, c := range map[string]struct {
		peer, without, payload, advice string
		bound                          func(*results.Copies) float64
	}{
		"copies": {"copier", "--zero-copy", "1MiB", results.AdviseCopies, func(c *results.Copies) float64 { return c.ZeroCopyHeadroomPct }},
		"calls":  {"caller", "--batched", "1KiB", results.AdviseCalls, func(c *results.Copies) float64 { return c.BatchingHeadroomPct }},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--duration", "5s", "--slice", "100ms", "--budget", "50", "--payload", c.payload}
			server, _ := startPeer(t, c.peer)
			with, _, _ := profiled(t, server, args...)
			free, _ := startPeer(t, c.peer, c.without)
			without, _, _ := profiled(t, free, args...)
			if with.Copies == nil || with.Copies.Advice != c.advice {
				t.Fatalf("advice: %+v, want %q", with.Copies, c.advice)
			}
			gain := 100 * (with.CPU.NsPerRequest/without.CPU.NsPerRequest - 1)
			if bound := c.bound(with.Copies); gain > bound || gain < 50 {
				t.Errorf("the build without the cost serves %.0f %% more on the same CPU time, the bound was %.0f %%: %+v", gain, bound, with.Copies)
			}
			if name == "copies" {
				// What the copier really copies: see copier.c.
				checkUserBytes(t, with.Copies, 3<<20)
			}
			t.Logf("gain %.0f %%, bound %.0f %%, %d samples", gain, c.bound(with.Copies), with.Copies.Samples)
		})
	}
}

// checkUserBytes holds the estimate of what a target copies itself against what it
// does: in its interval, and itself within a factor of two.
func checkUserBytes(t *testing.T, c *results.Copies, want float64) {
	t.Helper()
	got, ends := c.UserBytesPerRequest, c.UserBytesInterval
	if got == nil || ends == nil {
		t.Fatalf("no estimate of the bytes that the target copies: %+v", c)
	}
	t.Logf("estimate of the user's copies %.0f bytes, %.0f to %.0f, really %.0f", *got, ends[0], ends[1], want)
	if ends[1] < want || *got < want/2 || *got > 2*want {
		t.Errorf("estimate %.0f, %.0f to %.0f, but it copies %.0f", *got, ends[0], ends[1], want)
	}
}
