// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/store"
)

func TestTheRateOfRedisAgreesWithItsBenchmark(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, program := startRedis(t)
	rate := startBenchmark(t, program, socket)
	o := &runOptions{pid: server.Pid, noLoad: true, budget: 50, hz: 199, slice: 250 * time.Millisecond, quiet: true}
	o.load = load.Flags(newRun(io.Discard, io.Discard).InheritedFlags())
	o.load.Duration = 6 * time.Second // with a budget that leaves the server alone at no time
	m, err := measure(context.Background(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	theirs := rate(m.slices[0].Start, m.slices[len(m.slices)-1].End)
	r := assemble(m)
	var answers, ns int64
	for _, s := range r.Run.Slices {
		answers += s.Requests
		ns += s.DurationNs
	}
	ours := float64(answers) / float64(ns) * 1e9
	t.Logf("%.0f requests/s with probes and without, %.0f without, redis-benchmark says %.0f", ours, *r.Traffic.AnswersRPS, theirs)
	// The gaps between slices are in theirs alone, and what other work on the
	// machine does in them.
	if ratio := ours / theirs; !(ratio > 0.9 && ratio < 1.1) {
		t.Errorf("%.0f requests/s, redis-benchmark says %.0f", ours, theirs)
	}
}

func TestARunWithoutLoadWritesWhatItKnows(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, program := startRedis(t)
	startBenchmark(t, program, socket)
	folder := filepath.Join(t.TempDir(), "run")
	got := ipcprobe(t, "run", "--no-load", "--pid", strconv.Itoa(server.Pid), "--duration", "3s", "--out", folder, "--format", "json")
	if got.code != exitDone {
		t.Fatalf("exit code %d\n%s", got.code, got.stderr)
	}
	var r results.Result
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatal(err)
	}
	checkNothingOfTheClient(t, &r, folder)
	if r.Traffic.Connections.Seen < 20 || r.Traffic.Backlog == nil || r.Traffic.Backlog.Connections < 20 || r.Traffic.TimedPct < 99 {
		t.Errorf("traffic: %+v, backlog %+v", r.Traffic, r.Traffic.Backlog)
	}
	if r.CPU == nil || r.CPU.Samples == 0 || r.Overhead == nil || r.Overhead.ProbedSharePct >= 100 || len(r.Syscalls) == 0 || r.Legs.QueueWait == nil {
		t.Errorf("a part is missing: CPU %+v, overhead %+v", r.CPU, r.Overhead)
	}
	nothingLeft(t)
}

// A budget that lets the probes wait leaves the server alone meanwhile; the report
// says for how long, and samples belong to slices that the result lists.
func TestWhatWasLeftAloneIsTold(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, program := startRedis(t)
	startBenchmark(t, program, socket)
	folder := filepath.Join(t.TempDir(), "run")
	got := ipcprobe(t, "run", "--no-load", "--pid", strconv.Itoa(server.Pid), "--duration", "5s", "--slice", "100ms", "--budget", "1", "--out", folder, "--format", "json")
	var r results.Result
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitDone {
		t.Fatalf("exit code %d, %v\n%s", got.code, err, got.stderr)
	}
	text, err := os.ReadFile(filepath.Join(folder, "report.md"))
	if err != nil || !bytes.Contains(text, []byte("nothing attached for")) {
		t.Errorf("report.md: %v\n%s", err, text)
	}
	var listed, probed int64
	for _, s := range r.Run.Slices {
		listed += s.DurationNs
		if s.Mode == results.Probed.String() {
			probed += s.DurationNs
		} else if s.Mode != results.Bare.String() || s.Requests == 0 {
			t.Errorf("%+v is in the result", s)
		}
	}
	if alone := r.Run.DurationNs - listed; alone < r.Run.DurationNs/4 {
		t.Errorf("%d of %d ns were left alone", alone, r.Run.DurationNs)
	}
	if share := 100 * float64(probed) / float64(r.Run.DurationNs); math.Abs(share-r.Overhead.ProbedSharePct) > 0.1 {
		t.Errorf("%.2f %% were probed, the result says %.2f", share, r.Overhead.ProbedSharePct)
	}
	p := profileIn(t, folder, "cpu.pb.gz")
	for _, sample := range p.Sample {
		for _, at := range sample.NumLabel["slice"] {
			if at < 0 || at >= int64(len(r.Run.Slices)) || r.Run.Slices[at].Mode != results.Probed.String() {
				t.Fatalf("a sample is of slice %d of %+v", at, r.Run.Slices)
			}
		}
	}
}

// The children's answers count in bare slices too, and their CPU time is the
// target's: of a server that forked them before, and of one that forks on.
func TestChildrenAreWatchedWithoutLoad(t *testing.T) {
	kerneltest.Privileged(t)
	for _, shape := range [][]string{
		{"--shape", "fork", "--workers", "2"},
		{"--shape", "successor", "--successor", "3000"},
	} {
		t.Run(shape[1], func(t *testing.T) {
			server, socket := startPeer(t, "shapeserver", append(shape, "--busy-us", "20")...)
			client := exec.Command(peer.Build(t, "plainclient"), "--socket", socket, "--connections", "4", "--duration", "6")
			var said bytes.Buffer
			client.Stdout = &said
			if err := client.Start(); err != nil {
				t.Fatal(err)
			}
			got := ipcprobe(t, "run", "--no-load", "--children", "--pid", strconv.Itoa(server.Pid), "--duration", "4s", "--slice", "200ms",
				"--format", "json", "--out", filepath.Join(t.TempDir(), "run"))
			if err := client.Wait(); err != nil {
				t.Fatal(err)
			}
			var r results.Result
			var c struct {
				Rate float64 `json:"requests_per_second"`
			}
			if err := errors.Join(json.Unmarshal([]byte(got.stdout), &r), json.Unmarshal(said.Bytes(), &c)); err != nil {
				t.Fatalf("exit code %d, %v\n%s%s", got.code, err, got.stderr, &said)
			}
			// Probed slices are in the client's rate alone.
			if ratio := *r.Traffic.AnswersRPS / c.Rate; !(ratio > 0.8 && ratio < 1.4) {
				t.Errorf("%.0f requests/s, the client says %.0f", *r.Traffic.AnswersRPS, c.Rate)
			}
			if least := c.Rate * 20e-6 * 100 / 2; r.CPU == nil || r.CPU.UtilisationPct < least || r.Overhead.Pairs == 0 {
				t.Errorf("CPU %+v, which %.0f requests/s of 20 µs make more than %.0f %% busy; cost %+v", r.CPU, c.Rate, least, r.Overhead)
			}
		})
	}
}

// checkNothingOfTheClient holds that what only a client of ours could know is not
// in the result, nor in the report.
func checkNothingOfTheClient(t *testing.T, r *results.Result, folder string) {
	t.Helper()
	if !r.Valid || r.Load != nil || r.Latency != nil || r.Join != nil || r.Tail != nil || r.Legs.RoundTrip != nil || r.Legs.SendCall != nil {
		t.Errorf("valid %v (%q); it tells of a client that isn't ours", r.Valid, r.InvalidReasons)
	}
	for _, name := range []string{"latency.hlog", "latency.hgrm"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			t.Errorf("there is a %s", name)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "report.md"))
	if err != nil || !bytes.Contains(text, []byte("## Traffic")) || bytes.Contains(text, []byte("Response time")) {
		t.Errorf("report.md: %v\n%s", err, text)
	}
	file, err := os.Open(filepath.Join(folder, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := store.Decode(file); err != nil {
		t.Error(err)
	}
}

func TestAServerThatNobodyUsesIsSaidToBeUnused(t *testing.T) {
	kerneltest.Privileged(t)
	server, _ := startPeer(t, "stampserver")
	got := ipcprobe(t, "run", "--no-load", "--pid", strconv.Itoa(server.Pid), "--duration", "1s", "--quiet", "--out", filepath.Join(t.TempDir(), "run"))
	if got.code != exitDone || !strings.Contains(got.stdout, "nobody was seen to use") || !strings.Contains(got.stdout, "no answer was seen") {
		t.Errorf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestNonsenseWithoutLoadIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nobody to watch":       {[]string{"run", "--no-load"}, "--pid"},
		"a rate":                {[]string{"run", "--no-load", "--pid", "1", "--rate", "5"}, "--rate"},
		"a heap":                {[]string{"run", "--no-load", "--pid", "1", "--heap"}, "--heap"},
		"a tape":                {[]string{"run", "--no-load", "--pid", "1", "--tape", "1MiB"}, "--tape"},
		"a socket":              {[]string{"run", "--no-load", "--pid", "1", "--socket", "/x"}, "--socket"},
		"watch nobody":          {[]string{"watch"}, "--pid"},
		"watch no process":      {[]string{"watch", "--pid", "0"}, "--pid"},
		"watch too often":       {[]string{"watch", "--pid", "1", "--interval", "1ms"}, "--interval"},
		"watch backwards":       {[]string{"watch", "--pid", "1", "--duration", "-1s"}, "--duration"},
		"watch without a cost":  {[]string{"watch", "--pid", "1", "--budget", "0"}, "--budget"},
		"watch in a bad format": {[]string{"watch", "--pid", "1", "--format", "xml"}, "--format"},
		"watch a stray word":    {[]string{"watch", "redis"}, "redis"},
	} {
		t.Run(name, func(t *testing.T) { checkRefusal(t, ipcprobe(t, c.args...), c.want) })
	}
}
