// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/stats"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// startRedis starts redis-server on a Unix socket and nothing else.
func startRedis(t *testing.T) (server *peer.Process, socket, benchmark string) {
	t.Helper()
	program, benchmark := kerneltest.Tool(t, "redis-server"), kerneltest.Tool(t, "redis-benchmark")
	folder := openFolder(t)
	socket = filepath.Join(folder, "s")
	server = peer.Launch(t, program, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "777", "--save", "", "--dir", folder)
	for range 500 {
		if _, err := os.Stat(socket); err == nil {
			return server, socket, benchmark
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("redis-server is not ready:\n%s", server.Output())
	return nil, "", ""
}

// seen is what the probes count while a client works from its start to its end.
func seen(t *testing.T, pid int, client *exec.Cmd) (results.Flows, []results.CallTable) {
	t.Helper()
	probes, err := loader.Open(loader.Options{Target: pid, Watch: true})
	if err != nil {
		t.Fatal(err)
	}
	defer probes.Close()
	if err := probes.Attach(); err != nil {
		t.Fatal(err)
	}
	if err := probes.Count(true); err != nil {
		t.Fatal(err)
	}
	if out, err := client.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", client.Path, err, out)
	}
	if err := probes.Count(false); err != nil {
		t.Fatal(err)
	}
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	flows, err := probes.Flows()
	if err != nil {
		t.Fatal(err)
	}
	calls, err := probes.Calls()
	if err != nil {
		t.Fatal(err)
	}
	loss, err := probes.Loss()
	if err != nil || !loss.Reconciled || loss.Lost > 0 {
		t.Errorf("accounts: %+v, %v", loss, err)
	}
	return flows, calls
}

func TestEveryRequestOfRedissBenchmarkIsCounted(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, benchmark := startRedis(t)
	const n, connections = 30_011, 20
	flows, calls := seen(t, server.Pid, exec.Command(benchmark, "-s", socket, "-t", "get", "-q",
		"-n", strconv.Itoa(n), "-c", strconv.Itoa(connections)))
	// The benchmark asks for the server's settings first, and may begin a few
	// requests more than it waits for.
	if flows.Answers < n || flows.Answers > n+2*connections {
		t.Errorf("%d answers to %d requests: %+v", flows.Answers, n, flows)
	}
	if float64(flows.Timed) < 0.999*float64(flows.Answers) || flows.PipelinedConnections > 0 {
		t.Errorf("%d of %d timed, %d connections pipelined", flows.Timed, flows.Answers, flows.PipelinedConnections)
	}
	if flows.Connections < connections || flows.Connections > connections+3 {
		t.Errorf("%d connections, want %d and one or two that ask for settings", flows.Connections, connections)
	}
	for _, call := range calls {
		if per := float64(call.Calls) / float64(flows.Answers); (call.Name == "read" || call.Name == "write") && math.Abs(per-1) > 0.02 {
			t.Errorf("%.3f calls of %s a request, want 1", per, call.Name)
		}
	}
}

func TestRedissPipelinesAreOneAnswerEach(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, benchmark := startRedis(t)
	const n, depth = 16_000, 16
	flows, _ := seen(t, server.Pid, exec.Command(benchmark, "-s", socket, "-t", "get", "-q",
		"-n", strconv.Itoa(n), "-c", "10", "-P", strconv.Itoa(depth)))
	// Sixteen requests in one send and their answers in one look like one request:
	// what can be told without framing.
	if batches := int64(n / depth); flows.Answers < batches || flows.Answers > batches+40 {
		t.Errorf("%d answers to %d batches", flows.Answers, batches)
	}
}

// The server logs its own stamps: at the return of the recv that took a request,
// and before the send that carries the answer.
func TestServiceTimesOfOthersClientsAreThoseOfTheServersOwnStamps(t *testing.T) {
	kerneltest.Privileged(t)
	log := filepath.Join(t.TempDir(), "stamps")
	server, socket := startPeer(t, "stampserver", "--log", log, "--busy-us", "50")
	flows, _ := seen(t, server.Pid, exec.Command(peer.Build(t, "plainclient"), "--socket", socket,
		"--connections", "4", "--requests", "20011"))
	if code := server.Stop(); code != 0 {
		t.Fatalf("the server ended with %d:\n%s", code, server.Output())
	}
	stamps, err := peer.ReadStamps(log)
	if err != nil {
		t.Fatal(err)
	}
	if flows.Answers != int64(len(stamps)) || flows.Timed != flows.Answers {
		t.Errorf("%d answers, %d timed; the server logged %d", flows.Answers, flows.Timed, len(stamps))
	}
	var own []int64
	var sum int64
	for _, s := range stamps {
		own = append(own, int64(s.SendingNs-s.ReceivedNs))
		sum += own[len(own)-1]
	}
	slices.SortFunc(own, cmp.Compare[int64])
	legs := stats.FlowLegs(&flows)
	mean, median := float64(sum)/float64(len(own)), float64(own[len(own)/2])
	t.Logf("mean %.0f ns, the server's own %.0f; median %d ns, its own %.0f", legs.ServiceTime.Mean, mean, *legs.ServiceTime.P50, median)
	if off := math.Abs(legs.ServiceTime.Mean - mean); off > 2000+mean/32 {
		t.Errorf("mean is off by %.0f ns", off)
	}
	// Buckets are a sixteenth wide.
	if off := math.Abs(float64(*legs.ServiceTime.P50) - median); off > 2000+median/16 {
		t.Errorf("median is off by %.0f ns", off)
	}
	parts := legs.ServiceOnCPUUser.Mean + legs.ServiceOnCPUKernel.Mean + legs.ServiceBlocked.Mean + legs.UpstreamWait.Mean + legs.ServiceRunQueue.Mean
	if math.Abs(parts-legs.ServiceTime.Mean) > 1 {
		t.Errorf("the parts' means add up to %.0f ns of %.0f", parts, legs.ServiceTime.Mean)
	}
}

func TestAPipeliningClientIsFoundOut(t *testing.T) {
	kerneltest.Privileged(t)
	// One that read all eight at once would make the client alternate, eight by eight.
	server, socket := startPeer(t, "stampserver", "--busy-us", "20", "--read-bytes", "100")
	flows, _ := seen(t, server.Pid, exec.Command(peer.Build(t, "plainclient"), "--socket", socket,
		"--connections", "3", "--pipeline", "8", "--requests", "60000"))
	if flows.PipelinedConnections != 3 || float64(flows.Timed) > 0.02*float64(flows.Answers) {
		t.Errorf("%d of 3 connections pipelined, %d of %d answers timed", flows.PipelinedConnections, flows.Timed, flows.Answers)
	}
}

// saidRate is what redis-benchmark says of its rate, four times a second: that of
// the time since it last said so.
type saidRate struct {
	at  int64 // monotonic, ns
	rps float64
}

var rateWords = regexp.MustCompile(`rps=([0-9.]+) `)

// startBenchmark has redis-benchmark work until the test ends. The function tells
// its mean rate between two moments.
func startBenchmark(t *testing.T, program, socket string) func(from, to int64) float64 {
	t.Helper()
	benchmark := exec.Command(program, "-s", socket, "-t", "get", "-q", "-n", "1000000000", "-c", "20")
	out, err := benchmark.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := benchmark.Start(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var said []saidRate
	var over sync.WaitGroup
	over.Go(func() {
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\r')
			if err != nil {
				return
			}
			if match := rateWords.FindStringSubmatch(line); match != nil {
				rate, _ := strconv.ParseFloat(match[1], 64)
				mu.Lock()
				said = append(said, saidRate{monotonic(), rate})
				mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		_ = benchmark.Process.Kill()
		over.Wait()
		_ = benchmark.Wait()
	})
	return func(from, to int64) float64 {
		mu.Lock()
		defer mu.Unlock()
		var requests, ns float64
		for i := 1; i < len(said); i++ {
			if said[i-1].at >= from && said[i].at <= to {
				length := float64(said[i].at - said[i-1].at)
				requests += said[i].rps * length
				ns += length
			}
		}
		return requests / ns
	}
}

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
