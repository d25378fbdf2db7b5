// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/compare"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/store"
)

func TestCommandsAreTakenApartAsAShellDoes(t *testing.T) {
	for text, want := range map[string][]string{
		``:                       nil,
		"  \t ":                  nil,
		`./gw --socket {socket}`: {"./gw", "--socket", "{socket}"},
		`a 'b c' "d e" f\ g`:     {"a", "b c", "d e", "f g"},
		`a '' ""`:                {"a", "", ""},
		`--x='1 2'"3"`:           {"--x=1 23"},
		`'a\b' "a\"b" \\`:        {`a\b`, `a"b`, `\`},
		"sh -c 'a; b $HOME *'\n": {"sh", "-c", "a; b $HOME *"},
	} {
		got, err := splitWords(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{`'a`, `"a`, `a\`, `a "b'`} {
		if got, err := splitWords(text); err == nil {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}

func TestCompareRefusesWhatMakesNoSense(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"", "give the folders of two stored runs"},
		{"a", "give the folders of two stored runs"},
		{"a b c", "at most 2"},
		{"a b --quads 8", "--quads means nothing for stored runs"},
		{"a b --rate 5", "--rate means nothing for stored runs"},
		{"a b --format xml", "--format"},
		{"a b --gate p42", "--gate p42: the metric is not known"},
		{"a b --gate p50=-3", "--gate p50=-3: the margin"},
		{"a b --gate p50 --gate p50=4", "gated twice"},
		{"a b --margin=-1", "--margin"},
		{"a b --name x/y", "--name"},
		{"--a x", "--b is missing"},
		{"--b x", "--a is missing"},
		{"--a x --b y run", "stored runs are not compared with commands"},
		{"--a x' --b y", "inside a quote"},
		{"--a x --b y --preset slow", "--preset"},
		{"--a x --b y --quads 0", "--quads is 0"},
		{"--a x --b y --null-quads=-1", "--null-quads is -1"},
		{"--a x --b y --probed 99", "--probed is 99"},
		{"--a x --b y --slice 1ms", "--slice is 1ms"},
		{"--a x --b y --socket s", "--socket means nothing here"},
		{"--a x --b y --batch --pipeline 4", "--batch means nothing here"},
		{"--a x --b y --duration 3s", "--duration means nothing here"},
		{"--a x --b y --rate 1..9/3s", "quads need one rate"},
		{"--a x --b y --connections 0", "--connections is 0"},
		{"--a /does/not/exist --b y --quiet", "no such program"},
	} {
		got := ipcprobe(t, append([]string{"compare"}, strings.Fields(row.args)...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, row.want) || got.stdout != "" {
			t.Errorf("compare %s: exit code %d, %q; want %q", row.args, got.code, got.stderr, row.want)
		}
	}
}

// keepRun stores a run of an open loop with these response times (µs).
func keepRun(t *testing.T, dir, name string, p50, p99 int64, change func(*results.Result)) string {
	t.Helper()
	offered, achieved := 5000.0, 5000.0
	p50, p99 = p50*1000, p99*1000
	r := &results.Result{
		SchemaVersion: 1, Valid: true, Run: results.Run{Name: name},
		Target:      results.Target{Executable: "/opt/" + name, Protocol: "ipc"},
		Environment: results.Environment{Kernel: "6.18", CPUs: 2, Placement: results.Placement{TargetCPUs: []int{0, 1}, GeneratorCPUs: []int{0, 1}}},
		Load:        &results.Load{Loop: "open", Connections: 4, Pipeline: 1, OfferedRPS: &offered, AchievedRPS: &achieved, PayloadBytes: 64},
		Latency: &results.Latency{ResponseTime: &results.Distribution{Count: 50000, P50: &p50, P99: &p99},
			P50Interval: &[2]float64{0.99 * float64(p50), 1.01 * float64(p50)}, P99Interval: &[2]float64{0.97 * float64(p99), 1.03 * float64(p99)}},
		Syscalls: []results.Syscall{{Name: "recvfrom", CallsPerRequest: float64(p50) / 50e3}},
	}
	if change != nil {
		change(r)
	}
	folder, err := store.Create(filepath.Join(dir, name), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Write(store.ResultFile, func(w io.Writer) error { return report.JSON(w, r) }); err != nil {
		t.Fatal(err)
	}
	if err := folder.Commit(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

func TestStoredRunsAreCompared(t *testing.T) {
	dir := t.TempDir()
	old := keepRun(t, dir, "old", 100, 400, nil)
	for _, row := range []struct {
		name     string
		p50, p99 int64
		change   func(*results.Result)
		args     []string
		code     int
		want     string
	}{
		{"same", 100, 401, nil, nil, exitDone, "PASS"},
		{"better", 70, 300, nil, nil, exitDone, "p50 −30 % [−31, −29]: 2.0 → 1.4 recvfrom per request"},
		{"worse", 130, 520, nil, nil, exitMissed, "REGRESSION. Worse: p50, p99, system calls a request"},
		{"torn", 100, 400, func(r *results.Result) { r.Latency.P99Interval = &[2]float64{200e3, 900e3} }, nil, exitUnsure, "INCONCLUSIVE"},
		{"limited", 100, 400, nil, []string{"--limit", "p99<300us"}, exitMissed, "missed"},
		{"gated", 130, 400, nil, []string{"--gate", "p99"}, exitDone, "PASS"},
		{"within", 105, 400, nil, []string{"--gate", "p50"}, exitDone, "PASS"},
		{"no margin", 105, 400, nil, []string{"--gate", "p50", "--margin", "0"}, exitMissed, "REGRESSION. Worse: p50"},
		{"spoilt", 100, 400, func(r *results.Result) { r.Invalidate("it was late") }, nil, exitInvalid, "Run B (spoilt) is itself invalid: it was late"},
		{"piped", 100, 400, func(r *results.Result) { r.Load.Pipeline = 8 }, nil, exitUsage, "pipeline: 1, and 8"},
		{"forced", 100, 400, func(r *results.Result) { r.Load.Pipeline = 8; r.Environment.Kernel = "7" }, []string{"--force"}, exitDone, "Compared by force"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := keepRun(t, dir, row.name, row.p50, row.p99, row.change)
			for range 2 { // a comparison of stored runs may be made again
				got := ipcprobe(t, append([]string{"compare", old, path}, row.args...)...)
				if got.code != row.code || !strings.Contains(strings.Join(strings.Fields(got.stdout+got.stderr), " "), row.want) {
					t.Fatalf("exit code %d, want %d with %q:\n%s%s", got.code, row.code, row.want, got.stdout, got.stderr)
				}
			}
			_, err := os.Stat(filepath.Join(dir, row.name+"_comparison.md"))
			if written := err == nil; written != (row.code != exitUsage) {
				t.Errorf("the comparison is there: %t", written)
			}
			if row.code != exitUsage {
				for _, name := range []string{"comparison.json", "bench.txt"} {
					if _, err := os.Stat(filepath.Join(dir, row.name+"_comparison", name)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// What an invalid comparison shows must not be read as a verdict.
func TestAnInvalidComparisonSaysNoMore(t *testing.T) {
	dir := t.TempDir()
	old := keepRun(t, dir, "old", 100, 400, nil)
	better := keepRun(t, dir, "better", 70, 300, func(r *results.Result) { r.Invalidate("it was late") })
	got := ipcprobe(t, "compare", old, better)
	for _, word := range []string{"improved", "IMPROVED", "Predicted", "Why"} {
		if strings.Contains(got.stdout, word) {
			t.Errorf("exit code %d, and %q in\n%s", got.code, word, got.stdout)
		}
	}
}

// One that took two servers an hour is not lost to one that two folders give again.
func TestAMeasuredComparisonIsReplacedByForceAlone(t *testing.T) {
	dir := t.TempDir()
	a, b := keepRun(t, dir, "a", 100, 400, nil), keepRun(t, dir, "b", 100, 400, nil)
	if got := ipcprobe(t, "compare", a, b); got.code != exitDone {
		t.Fatalf("exit code %d\n%s", got.code, got.stderr)
	}
	file := filepath.Join(dir, "b_comparison", "comparison.json")
	derived, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	measured := bytes.Replace(derived, []byte(`"evidence": "runs"`), []byte(`"evidence": "quads"`), 1)
	if err := os.WriteFile(file, measured, 0o640); err != nil || bytes.Equal(measured, derived) {
		t.Fatalf("%v\n%s", err, derived)
	}
	if got := ipcprobe(t, "compare", a, b); got.code != exitUsage || !strings.Contains(got.stderr, "--force") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	if kept, err := os.ReadFile(file); err != nil || !bytes.Equal(kept, measured) {
		t.Errorf("it is not what it was: %v", err)
	}
	if got := ipcprobe(t, "compare", a, b, "--force"); got.code != exitDone {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
}

func TestACommentOfTheUsersIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	a, b := keepRun(t, dir, "a", 100, 400, nil), keepRun(t, dir, "b", 100, 400, nil)
	file := filepath.Join(dir, "b_comparison.md")
	if err := os.WriteFile(file, []byte("# mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := ipcprobe(t, "compare", a, b)
	if text, _ := os.ReadFile(file); got.code != exitUsage || string(text) != "# mine\n" {
		t.Errorf("exit code %d, and the file holds %q:\n%s", got.code, text, got.stderr)
	}
}

func TestBrokenRunsSayWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	good := keepRun(t, dir, "good", 100, 400, nil)
	whole, err := os.ReadFile(filepath.Join(good, store.ResultFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ text, want string }{
		"empty":     {"", "the file is empty"},
		"truncated": {string(whole[:len(whole)/2]), "ends in the middle"},
		"newer":     {`{"schema_version":99}`, "schema_version 99"},
		"foreign":   {`{"name":"x"}`, "no schema_version"},
		"hostile":   {`{"schema_version":1,"valid":true,"run":{"name":"\u001b[2J"},"load":{"connections":"many"}}`, "load.connections can't be a string"},
		"deep":      {`{"schema_version":1,"x":` + strings.Repeat("[", 100_000), "exceeded max depth"},
		"binary":    {"\x1f\x8b\x00\xff", "damaged at byte 1"},
	} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, store.ResultFile), []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := ipcprobe(t, "compare", good, filepath.Join(dir, name))
		if got.code != exitUsage || !strings.Contains(got.stderr, row.want) || strings.Contains(got.stderr, "\x1b") {
			t.Errorf("%s: exit code %d, %q; want %q", name, got.code, got.stderr, row.want)
		}
	}
	listed := ipcprobe(t, "runs", dir)
	if listed.code != exitDone || strings.Count(listed.stdout, "unreadable") != 7 || !strings.Contains(listed.stdout, "valid") {
		t.Errorf("exit code %d:\n%s", listed.code, listed.stdout)
	}
	var lines []report.RunLine
	asJSON := ipcprobe(t, "runs", dir, "--format", "json")
	if err := json.Unmarshal([]byte(asJSON.stdout), &lines); err != nil || len(lines) != 8 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if none := ipcprobe(t, "runs", filepath.Join(dir, "nowhere")); none.code != exitUsage || !strings.Contains(none.stderr, "there is no folder") {
		t.Errorf("exit code %d: %s", none.code, none.stderr)
	}
}

// An older result has none of what was added since; it is read all the same.
func TestAnOlderResultIsRead(t *testing.T) {
	dir := t.TempDir()
	good := keepRun(t, dir, "good", 100, 400, nil)
	old := filepath.Join(dir, "old")
	if err := os.Mkdir(old, 0o755); err != nil {
		t.Fatal(err)
	}
	const text = `{"schema_version":1,"valid":true,"invalid_reasons":[],"warnings":[],"tool":{"version":"0"},"run":{"name":"old"},
		"target":{"protocol":"ipc","command":[]},"environment":{"kernel":"6.18","cpus":2,"placement":{"target_cpus":[0,1],"generator_cpus":[0,1],"shared_pct":0}},
		"load":{"loop":"open","connections":4,"pipeline":1,"offered_rps":5000,"achieved_rps":5000,"payload_bytes":64,"requests":{"ok":1}},
		"latency":{"response_time":{"count":50000,"p50":100000,"p99":400000},"response_time_p50_interval":[99000,101000]},
		"limits":[{"metric":"p99","limit":1,"measured":2,"met":false}]}`
	if err := os.WriteFile(filepath.Join(old, store.ResultFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ipcprobe(t, "compare", old, good); got.code != exitDone || !strings.Contains(got.stdout, "PASS") {
		t.Errorf("exit code %d:\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestJudgeGate(t *testing.T) {
	c := func(v results.Verdict) *results.Comparison { return &results.Comparison{Valid: true, Verdict: v} }
	for _, row := range []struct {
		slow, same results.Verdict
		want       int
	}{
		{results.Regression, results.Pass, exitDone}, {results.Regression, results.Inconclusive, exitDone},
		{results.Regression, results.Regression, exitMissed}, {results.Pass, results.Pass, exitMissed},
		{results.Improved, results.Pass, exitMissed}, {results.Inconclusive, results.Pass, exitUnsure},
	} {
		if _, got := judgeGate(c(row.slow), c(row.same)); got != row.want {
			t.Errorf("slower %s, same %s: exit code %d, want %d", row.slow, row.same, got, row.want)
		}
	}
	if _, got := judgeGate(&results.Comparison{Verdict: results.Regression}, c(results.Pass)); got != exitUnsure {
		t.Errorf("an invalid comparison proves %d", got)
	}
}

// comparisons is how many of each kind TestInjectedTimeIsFound makes.
var comparisons = flag.Int("comparisons", 1, "how many comparisons of each kind are made of a known slowdown")

// TestInjectedTimeIsFound compares a server that takes a known CPU time a request,
// whoever else has a turn meanwhile, with itself, and with itself made slower. From
// -comparisons 20 on it holds the rates that are promised, which takes a quiet machine
// and half an hour; with fewer only that what is much slower is never called better.
func TestInjectedTimeIsFound(t *testing.T) {
	// µs a request. Not 200: for so long KVM polls before it takes the CPU of a guest that
	// has halted (halt_poll_ns), and a server that answers later pays for waking its client.
	const busy = 400
	server := peer.Build(t, "stampserver")
	n := *comparisons
	rows := []struct {
		slower int // percent
		good   func(results.Verdict) bool
		least  int
		never  []results.Verdict
	}{
		{0, func(v results.Verdict) bool { return v == results.Pass || v == results.Inconclusive }, n - max(1, n/20), nil},
		{5, func(v results.Verdict) bool { return v == results.Regression || v == results.Inconclusive }, n, []results.Verdict{results.Improved}},
		{20, func(v results.Verdict) bool { return v == results.Regression }, n, []results.Verdict{results.Improved, results.Pass}},
	}
	if n < 20 {
		rows = rows[2:]
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("%d percent", row.slower), func(t *testing.T) {
			good, covered := 0, 0
			for i := range n {
				c := compareBusy(t, server, busy, busy*(100+row.slower)/100, i)
				t.Logf("%d: %s (%s) %q", i, c.Verdict, c.Reason, c.InvalidReasons)
				if c.Valid && row.good(c.Verdict) { // of an invalid one nothing holds
					good++
				}
				if slices.Contains(row.never, c.Verdict) {
					t.Errorf("comparison %d is %s: %s", i, c.Verdict, c.Reason)
				}
				if coversBusy(t, c, busy*row.slower/100) {
					covered++
				}
			}
			if n < 20 {
				return
			}
			if good < row.least {
				t.Errorf("%d of %d comparisons came out as they should, want %d", good, n, row.least)
			}
			if least := n * 18 / 20; covered < least {
				t.Errorf("the interval of CPU time covers what was injected in %d of %d, want %d", covered, n, least)
			}
		})
	}
}

// compareBusy is one comparison, preset ci with short slices.
func compareBusy(t *testing.T, server string, a, b, seed int) *results.Comparison {
	t.Helper()
	side := func(us int) string { return server + " --socket {socket} --burn-us " + strconv.Itoa(us) }
	got := ipcprobe(t, "compare", "--a", side(a), "--b", side(b), "--preset", "ci", "--slice", "250ms", "--probed", "0",
		"--rate", "1000", "--connections", "1", "--seed", strconv.Itoa(seed+1), "--quiet", "--format", "json",
		"--out", filepath.Join(openFolder(t), "c"))
	var c results.Comparison
	if err := json.Unmarshal([]byte(got.stdout), &c); err != nil {
		t.Fatalf("exit code %d, %v:\n%s", got.code, err, got.stderr)
	}
	want := map[results.Verdict]int{results.Regression: exitMissed, results.Pass: exitDone, results.Improved: exitDone, results.Inconclusive: exitUnsure}[c.Verdict]
	if !c.Valid {
		want = exitInvalid
	}
	if got.code != want {
		t.Errorf("exit code %d for %s, valid %t", got.code, c.Verdict, c.Valid)
	}
	return &c
}

// coversBusy says whether the interval of CPU time a request holds the time that was
// injected: more µs than A's own.
func coversBusy(t *testing.T, c *results.Comparison, more int) bool {
	t.Helper()
	i := slices.IndexFunc(c.Metrics, func(m results.MetricChange) bool { return m.Name == compare.CPUPerRequest })
	if i < 0 || c.Metrics[i].IntervalPct == nil {
		t.Fatal("CPU time a request was not compared")
	}
	m := &c.Metrics[i]
	truth := 100 * float64(more) * 1000 / *m.A
	// A's own cost a request is known as well as its samples agree.
	slack := 100 * 0.002
	inside := m.IntervalPct[0]-slack <= truth && truth <= m.IntervalPct[1]+slack
	t.Logf("CPU a request %.1f %% [%.1f, %.1f], injected %.1f %%", *m.ChangePct, m.IntervalPct[0], m.IntervalPct[1], math.Round(10*truth)/10)
	return inside
}
