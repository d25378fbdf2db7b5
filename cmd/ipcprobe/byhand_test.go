// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/compare"
)

// BenchmarkCompareByHand holds `ipcprobe compare` of both builds of the reference
// gateway against the same comparison done by hand, with nothing of ipcprobe: the
// plain C client loads both builds in turn, ABBA, started anew each round, and the
// CPU time is the scheduler's (/proc/PID/task/*/schedstat). What the hand finds has
// to lie in compare's interval, give or take twice the hand's own standard error.
// IPCPROBE_ROUNDS is how many rounds and quads (make bench-compare takes 12).
func BenchmarkCompareByHand(b *testing.B) {
	rounds := 12
	if n, err := strconv.Atoi(os.Getenv("IPCPROBE_ROUNDS")); err == nil && n >= 6 {
		rounds = n
	}
	builds := [2]string{peer.Reference(b, "v1"), peer.Reference(b, "v2")}
	for _, shape := range []struct{ name, connections, pipeline, payload string }{
		{"4conn/64B/pipeline8", "4", "8", "64"},
		{"4conn/64B", "4", "1", "64"},
		{"4conn/16KiB/pipeline8", "4", "8", "16384"},
	} {
		b.Run(shape.name, func(b *testing.B) {
			load := []string{"--connections", shape.connections, "--pipeline", shape.pipeline, "--payload", shape.payload}
			for b.Loop() {
				// The hand's rounds are half before and half behind: what drifts is in both.
				hand := byHand(b, builds, rounds/2, load)
				c := compareByTool(b, builds, rounds, load)
				later := byHand(b, builds, rounds-rounds/2, load)
				for name, effects := range hand {
					agrees(b, c, name, append(effects, later[name]...))
				}
			}
		})
	}
}

// byHand gives log(B/A) of the throughput and of the CPU time a request, by round.
func byHand(b *testing.B, builds [2]string, rounds int, load []string) map[string][]float64 {
	b.Helper()
	client := peer.Build(b, "plainclient")
	out := map[string][]float64{}
	for round := range rounds {
		var servers [2]*exec.Cmd
		var sockets [2]string
		var sum [2]struct{ counted, seconds, sent, cpu float64 }
		for side := range builds {
			sockets[side] = filepath.Join(b.TempDir(), "s") // a new folder each
			servers[side] = exec.Command(builds[side], "--no-nats", "--socket", sockets[side])
			if err := servers[side].Start(); err != nil {
				b.Fatal(err)
			}
			defer end(servers[side])
			awaitSocket(b, sockets[side])
		}
		order := []int{0, 1, 1, 0}
		if round%2 == 1 {
			order = []int{1, 0, 0, 1}
		}
		for _, side := range order {
			before := scheduled(b, servers[side].Process.Pid)
			text, err := exec.Command(client, append([]string{"--socket", sockets[side], "--warmup", "0.1", "--duration", "0.5"}, load...)...).Output()
			if err != nil {
				b.Fatalf("the plain client: %v", err)
			}
			var got struct {
				Sent, Counted, Errors int64
				Seconds               float64
			}
			if err := json.Unmarshal(text, &got); err != nil || got.Errors > 0 || got.Sent == 0 {
				b.Fatalf("the plain client said %s: %v", text, err)
			}
			sum[side].cpu += scheduled(b, servers[side].Process.Pid) - before
			sum[side].sent += float64(got.Sent)
			sum[side].counted += float64(got.Counted)
			sum[side].seconds += got.Seconds
		}
		for side := range servers {
			end(servers[side])
		}
		out[compare.Throughput] = append(out[compare.Throughput], math.Log(sum[1].counted/sum[1].seconds/(sum[0].counted/sum[0].seconds)))
		out[compare.CPUPerRequest] = append(out[compare.CPUPerRequest], math.Log(sum[1].cpu/sum[1].sent/(sum[0].cpu/sum[0].sent)))
	}
	return out
}

// end ends a server; a second time does nothing.
func end(server *exec.Cmd) {
	if server.ProcessState == nil {
		_ = server.Process.Kill()
		_ = server.Wait()
	}
}

func awaitSocket(b *testing.B, path string) {
	b.Helper()
	for range 1000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatalf("nobody listens on %s", path)
}

// scheduled is the CPU time of a process in ns, as the scheduler counts it.
func scheduled(b *testing.B, pid int) float64 {
	b.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if len(files) == 0 {
		b.Fatalf("process %d has no schedstat", pid)
	}
	var sum float64
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += ns
	}
	return sum
}

// compareByTool is `ipcprobe compare` under the same load.
func compareByTool(b *testing.B, builds [2]string, quads int, load []string) *results.Comparison {
	b.Helper()
	side := func(program string) string { return program + " --no-nats --socket {socket}" }
	args := append([]string{"compare", "--a", side(builds[0]), "--b", side(builds[1]), "--rate", "max", "--slice", "500ms",
		"--quads", strconv.Itoa(quads), "--null-quads", "2", "--probed", "0", "--gate", compare.Throughput, "--gate", compare.CPUPerRequest,
		"--quiet", "--format", "json", "--out", filepath.Join(b.TempDir(), "c")}, load...)
	text, _ := command(args...).Output() // its exit code is the verdict's
	var c results.Comparison
	if err := json.Unmarshal(text, &c); err != nil {
		b.Fatalf("%v in %.2000s", err, text)
	}
	if !c.Valid {
		b.Fatalf("the comparison is invalid: %q", c.InvalidReasons)
	}
	return &c
}

// agrees holds one metric against the hand's rounds.
func agrees(b *testing.B, c *results.Comparison, name string, effects []float64) {
	b.Helper()
	i := slices.IndexFunc(c.Metrics, func(m results.MetricChange) bool { return m.Name == name })
	if i < 0 || c.Metrics[i].IntervalPct == nil || c.Metrics[i].ChangePct == nil {
		b.Fatalf("%s was not compared", name)
	}
	m := &c.Metrics[i]
	var mean, square float64
	for _, e := range effects {
		mean += e / float64(len(effects))
	}
	for _, e := range effects {
		square += (e - mean) * (e - mean)
	}
	deviation := math.Sqrt(square / float64(len(effects)-1) / float64(len(effects)))
	percent := func(effect float64) float64 { return 100 * (math.Exp(effect) - 1) }
	low, high := percent(mean-2*deviation), percent(mean+2*deviation)
	b.Logf("%s: by hand %+.1f %% [%+.1f, %+.1f], compare %+.1f %% [%+.1f, %+.1f], %s", name, percent(mean), low, high,
		*m.ChangePct, m.IntervalPct[0], m.IntervalPct[1], m.Verdict)
	b.ReportMetric(percent(mean), name+"-by-hand-%")
	b.ReportMetric(*m.ChangePct, name+"-compare-%")
	if high < m.IntervalPct[0] || low > m.IntervalPct[1] {
		b.Errorf("%s: by hand %+.1f %% [%+.1f, %+.1f] is not in compare's interval [%+.1f, %+.1f]",
			name, percent(mean), low, high, m.IntervalPct[0], m.IntervalPct[1])
	}
}
