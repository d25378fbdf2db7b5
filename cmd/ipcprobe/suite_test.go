// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/limit"
	"github.com/ipcprobe/ipcprobe/results/store"
)

func suiteOf(t *testing.T, limits string) *suiteOptions {
	t.Helper()
	options := load.Defaults()
	o := &suiteOptions{run: runOptions{budget: 3, name: "v1", build: "v1", format: "text", quiet: true, load: &options,
		args: []string{"ipcprobe", "suite", "--name", "v1"}},
		parent: t.TempDir(), rate: 500}
	if limits != "" {
		if err := o.run.memory.limits.Set(limits); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestTheTargetsOfASuiteAreLimits(t *testing.T) {
	var targets limit.Flag
	if err := targets.Set(suiteTargets); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		limits string
		kind   results.SuiteKind
		want   string
	}{
		{"", results.SuiteThroughput, "throughput>5000"},
		{"", results.SuiteLatency, "p99<1e+07"},
		{"", results.SuiteMemory, "rss<5e+07"},
		{"", results.SuiteCPU, "cpu<30"},
		{"throughput>9000,p50<1ms,leak=none", results.SuiteThroughput, "throughput>9000"},
		{"throughput>9000,p50<1ms,leak=none", results.SuiteLatency, "p50<1e+06,p99<1e+07"},
		{"throughput>9000,p50<1ms,leak=none", results.SuiteMemory, "leak=none,rss<5e+07"},
	} {
		rules := limit.Flag{Rules: suiteOf(t, row.limits).rulesOf(row.kind)}
		if rules.String() != row.want {
			t.Errorf("%s with %q: %s, want %s", row.kind, row.limits, &rules, row.want)
		}
	}
	// Each metric that there is has one phase that judges it.
	for _, metric := range limit.Metrics() {
		if kind, named := answeredBy[metric]; named && kind == results.SuiteLatency {
			t.Errorf("%s is named, and needs not be", metric)
		}
	}
}

func TestARateThatTheServerCanBear(t *testing.T) {
	o := suiteOf(t, "")
	o.rate = 2500
	answered := func(rate float64) *results.Suite {
		return &results.Suite{Phases: []results.SuitePhase{{Result: &results.Result{Load: &results.Load{AchievedRPS: &rate}}}}}
	}
	for _, row := range []struct{ answers, rate float64 }{{100_000, 2500}, {4200, 2500}, {1000, 600}, {1, 1}} {
		if got := o.fixedRate(answered(row.answers)); got != row.rate {
			t.Errorf("a server that answers %v/s is asked %v/s, want %v", row.answers, got, row.rate)
		}
	}
	if got := o.fixedRate(&results.Suite{}); got != 2500 {
		t.Errorf("before anything is known the rate is %v", got)
	}
}

// A suite that broke off goes on with --resume, and ends with the same set of runs
// as one that did not.
func TestASuiteGoesOnWhereItBrokeOff(t *testing.T) {
	kerneltest.Privileged(t)
	o := suiteOf(t, "errors<50%")
	o.run.pid = startGateway(t, "--no-nats")
	o.short = time.Second
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var printed bytes.Buffer
	err := suite(ctx, o, &cutAfter{&printed, "IPC Latency Benchmark", cancel}, io.Discard)
	if err == nil {
		t.Fatal("a suite that is cut short ends as if nothing were wrong")
	}
	if _, err := os.Stat(filepath.Join(o.parent, "v1_baseline.md")); err == nil {
		t.Fatal("there is a baseline of half a suite")
	}
	first := whenBegan(t, o, results.SuiteThroughput)
	if err := suite(context.Background(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "it is there already") {
		t.Fatalf("a finished phase was to be replaced without --force: %v", err)
	}
	o.resume = true
	printed.Reset()
	err = suite(context.Background(), o, &printed, io.Discard)
	var code exit
	if err != nil && !errors.As(err, &code) {
		t.Fatal(err)
	}
	for _, title := range []string{"IPC Throughput Benchmark", "IPC Latency Benchmark", "Memory Benchmark", "CPU Benchmark", "Targets"} {
		if strings.Count(printed.String(), title) != 1 {
			t.Errorf("%q does not stand once in:\n%s", title, printed.String())
		}
	}
	if again := whenBegan(t, o, results.SuiteThroughput); again != first {
		t.Error("the finished phase was measured again")
	}
	for _, kind := range suiteKinds {
		whenBegan(t, o, kind)
	}
	text, err := os.ReadFile(filepath.Join(o.parent, "v1_baseline.md"))
	if err != nil || !strings.Contains(string(text), "| `throughput` |") {
		t.Errorf("the baseline: %v\n%s", err, text)
	}
	o.run.args = append(o.run.args, "--connections=5")
	if err := suite(context.Background(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "--connections was 4 and is now 5") {
		t.Errorf("resumed with another load: %v", err)
	}
}

// keepPhase stores a phase of the suite that began at a time.
func keepPhase(t *testing.T, o *suiteOptions, kind results.SuiteKind, sitting string, change func(*results.Result)) {
	t.Helper()
	keepRun(t, o.parent, o.run.name+"-"+string(kind), 100, 400, func(r *results.Result) {
		r.Run.Command, r.Run.Sitting = o.run.args, sitting
		if change != nil {
			change(r)
		}
	})
}

// What --resume keeps of four stored phases; what it doesn't is measured again.
func TestWhatASuiteKeepsOfBefore(t *testing.T) {
	spoilt := func(r *results.Result) { r.Invalidate("it was late") }
	cut := func(r *results.Result) { r.Run.Partial, r.Run.EndedBy = true, "SIGINT" }
	for name, row := range map[string]struct {
		of     results.SuiteKind
		change func(*results.Result)
		kept   int
	}{
		"all":                      {"", nil, 4},
		"an invalid one is not":    {results.SuiteLatency, spoilt, 3},
		"half a one is not":        {results.SuiteMemory, cut, 3},
		"one of a suite before":    {results.SuiteCPU, func(r *results.Result) { r.Run.Sitting = "before" }, 3},
		"nothing without the rate": {results.SuiteThroughput, spoilt, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := suiteOf(t, "")
			for _, kind := range suiteKinds {
				change := row.change
				if kind != row.of {
					change = nil
				}
				keepPhase(t, o, kind, "now", change)
			}
			o.resume = true
			done, err := o.finished(context.Background(), io.Discard)
			if err != nil || len(done) != row.kept || done[row.of] != nil {
				t.Errorf("%d phases are kept, want %d: %v", len(done), row.kept, err)
			}
		})
	}
}

func TestASuiteIsNotResumedAsAnother(t *testing.T) {
	for _, row := range []struct{ before, now, want string }{
		{"--name v1 --rate 2500 --limit p99<1ms", "--name=v1 --resume --limit p50<1ms --quiet", ""},
		{"--name v1 --pid 17", "--name v1 --resume --pid 18", ""},
		{"--name v1 --quick", "--name v1", "--quick was true and is now false"},
		{"--name v1", "--name v1 --duration 9s", "--duration was 0s and is now 9s"},
		{"--name v1", "--name v1 --connections 5", "--connections was 4 and is now 5"},
		{"--name v1", "--name v1 --type 0x02", "--type was"},
		{"--name v1", "--name v1 --payload {}", "--payload was"},
		{"--name v1", "--name v1 --build v2", "--build was v1 and is now v2"},
		{"--name v1", "--name v1 --no-nats", "--no-nats was false and is now true"},
		{"--name v1", "--name v1 --pid 17", "--pid"},
		{"--name v1 -- ./a x", "--name v1 -- ./a y", `the server's command was "./a x" and is now "./a y"`},
		{"--nonsense", "--name v1", "unknown flag"},
	} {
		command := func(flags string) []string { return append([]string{"ipcprobe", "suite"}, strings.Fields(flags)...) }
		got := askedOtherwise(command(row.before), command(row.now))
		if (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
			t.Errorf("%s, then %s: %q, want %q", row.before, row.now, got, row.want)
		}
	}
	if got := askedOtherwise([]string{"ipcprobe", "run"}, []string{"ipcprobe", "suite"}); !strings.Contains(got, "not that of a suite") {
		t.Errorf("a run is taken for a phase: %q", got)
	}
}

// What a server takes for fewer requests than were asked for says nothing about
// what it takes for all.
func TestTheCPUOfFewerRequestsMeetsNoTarget(t *testing.T) {
	for name, row := range map[string]struct {
		offered, answered, pct float64
		met, open              bool
		warnings               int
	}{
		"all answered":       {500, 495, 20, true, false, 0},
		"too much CPU":       {500, 495, 40, false, false, 0},
		"fell behind":        {500, 300, 20, false, true, 0},
		"a rate it can bear": {300, 300, 20, false, true, 1},
		"too much for fewer": {300, 300, 40, false, false, 1},
	} {
		r := &results.Result{Valid: true, Load: &results.Load{OfferedRPS: &row.offered, AchievedRPS: &row.answered},
			CPU: &results.CPU{UtilisationPct: row.pct}}
		p := suiteOf(t, "").judged(&results.SuitePhase{Kind: results.SuiteCPU, Result: r})
		l := p.Result.Limits[0]
		if l.Met != row.met || l.Inconclusive() != row.open || len(r.Warnings) != row.warnings {
			t.Errorf("%s: %+v, %q", name, l, r.Warnings)
		}
	}
}

func whenBegan(t *testing.T, o *suiteOptions, kind results.SuiteKind) string {
	t.Helper()
	r, err := store.Open(o.phase(kind, o.rate).out)
	if err != nil {
		t.Fatal(err)
	}
	return r.Run.StartedAt
}

// cutAfter cancels once a word was written.
type cutAfter struct {
	to     io.Writer
	word   string
	cancel context.CancelFunc
}

func (c *cutAfter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.word) {
		c.cancel()
	}
	return c.to.Write(p)
}

func TestTheExitCodeOfASuiteIsThatOfItsWorstPhase(t *testing.T) {
	phase := func(valid bool, limits ...results.Limit) results.SuitePhase {
		return results.SuitePhase{Result: &results.Result{Valid: valid, Limits: limits}}
	}
	met, missed, open := results.Limit{Metric: "p99", Met: true}, results.Limit{Metric: "rss"}, results.Limit{Metric: "leak", Reason: "too few"}
	one := 1.0
	met.Measured, missed.Measured = &one, &one
	for name, row := range map[string]struct {
		phases []results.SuitePhase
		want   int
	}{
		"all met":                 {[]results.SuitePhase{phase(true, met), phase(true, met), phase(true)}, exitDone},
		"one missed":              {[]results.SuitePhase{phase(true, met), phase(true, missed), phase(true, met)}, exitMissed},
		"one open":                {[]results.SuitePhase{phase(true, met), phase(true, open)}, exitUnsure},
		"missed before open":      {[]results.SuitePhase{phase(true, open), phase(true, missed)}, exitMissed},
		"invalid before all":      {[]results.SuitePhase{phase(true, missed), phase(false, met)}, exitInvalid},
		"invalid, nothing missed": {[]results.SuitePhase{phase(false), phase(true, met)}, exitInvalid},
	} {
		got, err := exitDone, suiteVerdict(context.Background(), &results.Suite{Phases: row.phases})
		var code exit
		if errors.As(err, &code) {
			got = int(code)
		} else if err != nil {
			t.Fatal(err)
		}
		if got != row.want {
			t.Errorf("%s: exit code %d, want %d", name, got, row.want)
		}
	}
}
