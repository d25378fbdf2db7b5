// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
)

// BenchmarkAgainstC runs this generator and the plain C client in turn, on one
// server in C, and reports the medians of their ratios: requests a second, and
// CPU time a request. Take -benchtime=15x or more; each turn is half a second, and
// before that a moment in which the client comes to its rhythm.
//
// The server prints a line for each request. Nobody reads them: who did would be a
// third that wants a CPU of the two which server and client have to themselves on a
// small machine, and each line would wake it.
func BenchmarkAgainstC(b *testing.B) {
	client := peer.Build(b, "plainclient")
	for _, connections := range []int{1, 4, 16, 60} {
		for _, payload := range []int{64, 1024} {
			for _, pipeline := range []int{1, 8} {
				b.Run(fmt.Sprintf("%dconn/%dB/pipeline%d", connections, payload, pipeline), func(b *testing.B) {
					o := Defaults()
					o.Socket = filepath.Join(b.TempDir(), "s")
					o.Connections, o.Payload, o.Pipeline = connections, strconv.Itoa(payload), pipeline
					o.Duration, o.Warmup = 500*time.Millisecond, 200*time.Millisecond
					startMute(b, peer.Build(b, "foreign"), o.Socket)
					var rate, cpu []float64
					for b.Loop() {
						var c, ours speed
						if len(rate)%2 == 0 {
							c, ours = runC(b, client, o), runOurs(b, o)
						} else { // who comes second finds the server warm
							ours, c = runOurs(b, o), runC(b, client, o)
						}
						rate = append(rate, ours.rate/c.rate)
						cpu = append(cpu, ours.cpu/c.cpu)
					}
					b.ReportMetric(median(rate), "rate/C")
					b.ReportMetric(median(cpu), "cpu/C")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

// startMute starts a server on a socket whose output goes nowhere.
func startMute(b *testing.B, server, socket string) {
	b.Helper()
	awaitSocket(b, peer.Launch(b, "/bin/sh", "-c", `exec "$0" "$1" >/dev/null`, server, socket), socket)
}

// awaitSocket waits until a server takes connections on its socket.
func awaitSocket(tb testing.TB, p *peer.Process, socket string) {
	tb.Helper()
	for range 500 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	tb.Fatalf("%s: nobody listens:\n%s", socket, p.Output())
}

// speed is requests a second, and ns of CPU time a request.
type speed struct{ rate, cpu float64 }

func runC(b *testing.B, client string, o Options) speed {
	b.Helper()
	out, err := exec.Command(client, "--socket", o.Socket, "--connections", strconv.Itoa(o.Connections),
		"--pipeline", strconv.Itoa(o.Pipeline), "--payload", o.Payload,
		"--warmup", strconv.FormatFloat(o.Warmup.Seconds(), 'f', -1, 64),
		"--duration", strconv.FormatFloat(o.Duration.Seconds(), 'f', -1, 64)).Output()
	if err != nil {
		b.Fatalf("plainclient: %v", err)
	}
	var r struct {
		Sent    int64   `json:"sent"` // with the warm-up, as the CPU times are
		Counted int64   `json:"counted"`
		Rate    float64 `json:"requests_per_second"`
		User    int64   `json:"cpu_user_ns"`
		Kernel  int64   `json:"cpu_kernel_ns"`
	}
	if err := json.Unmarshal(out, &r); err != nil || r.Counted == 0 {
		b.Fatalf("plainclient said %q: %v", out, err)
	}
	return speed{r.Rate, float64(r.User+r.Kernel) / float64(r.Sent)}
}

func runOurs(b *testing.B, o Options) speed {
	b.Helper()
	s := runChild(b, o)
	n := s.Slice.Counts().OK
	if n == 0 {
		b.Fatal("no answers")
	}
	return speed{float64(n) / s.Slice.Seconds(), float64(s.Slice.GeneratorNs) / float64(n)}
}

// runChild makes a load in a process of its own, as `ipcprobe load` does.
func runChild(tb testing.TB, o Options) Summary {
	tb.Helper()
	s, err := RunChild(tb.Context(), SpawnOptions{
		Executable: os.Args[0], Command: []string{}, Load: o,
		Env: append(os.Environ(), "IPCPROBE_TEST_CHILD=1"), Stderr: os.Stderr,
	}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// measured is the measured part as one interval.
func measured(s *Summary) results.Interval {
	all := results.Interval{Start: s.Slice.Start, End: s.Slice.End}
	for i := range s.Slice.Intervals {
		all.Merge(&s.Slice.Intervals[i])
	}
	return all
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkSettle is the cost of one answer's books, without system calls.
func BenchmarkSettle(b *testing.B) {
	w := &worker{settings: &settings{dueless: true, depth: 8, frame: make([]byte, 70)}, current: &interval{end: never}, ownLag: new(tally), quota: -1}
	c := newConn(0, 8)
	c.fd = 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.begin(c, 0, 0)
		c.at(c.tail - 1).sent = 1
		c.in += 17
		w.settle(c, int64(10_000+i%5000))
	}
}
