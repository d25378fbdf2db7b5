// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// startRedis starts redis-server on a Unix socket and nothing else.
func startRedis(tb testing.TB) (socket string) {
	tb.Helper()
	program := kerneltest.Tool(tb, "redis-server")
	dir, err := os.MkdirTemp("", "redis") // TempDir can be too long for a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	p := peer.Launch(tb, program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir)
	tb.Cleanup(func() { p.Stop() }) // before its folder is removed
	awaitSocket(tb, p, socket)
	return socket
}

// bout is what one client says of one turn.
type bout struct {
	rate     float64 // requests a second
	mean     float64 // of round trips, µs, as p50 and p99
	p50, p99 float64
}

// booked is the part of the time that the client books as round trips, of what
// passed on all its places for a request, each of which it could have kept busy.
func (b bout) booked(places int) float64 { return b.rate * b.mean / 1e6 / float64(places) }

// redisTurn lets redis-benchmark make so many requests.
func redisTurn(tb testing.TB, socket, command string, pipeline int, requests int64) bout {
	tb.Helper()
	args := []string{"-s", socket, "-c", strconv.Itoa(redisClients), "-P", strconv.Itoa(pipeline),
		"-n", strconv.FormatInt(requests, 10), "--csv"}
	if command == busyCommand {
		args = append(args, strings.Fields(command)...)
	} else {
		args = append(args, "-t", strings.ToLower(command))
	}
	out, err := exec.Command(kerneltest.Tool(tb, "redis-benchmark"), args...).Output()
	if err != nil {
		tb.Fatalf("redis-benchmark: %v", err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(rows) != 2 {
		tb.Fatalf("redis-benchmark said %q: %v", out, err)
	}
	say := map[string]float64{}
	for i, name := range rows[0] {
		say[name], _ = strconv.ParseFloat(rows[1][i], 64) // all but the first
	}
	b := bout{say["rps"], 1000 * say["avg_latency_ms"], 1000 * say["p50_latency_ms"], 1000 * say["p99_latency_ms"]}
	if b.rate <= 0 || b.mean <= 0 || b.p50 <= 0 || b.p99 <= 0 {
		tb.Fatalf("redis-benchmark said %q", out)
	}
	return b
}

// words are what redis-benchmark sends for a command, without -r.
func words(command string) string {
	switch command {
	case "SET":
		return "SET key:__rand_int__ xxx"
	case "GET":
		return "GET key:__rand_int__"
	}
	return command
}

// ourTurn makes the same requests, byte by byte.
func ourTurn(tb testing.TB, socket, command string, pipeline int, batch bool, length time.Duration) bout {
	tb.Helper()
	o := Defaults()
	o.Socket, o.Protocol, o.Connections, o.Pipeline, o.Batch = socket, "resp", redisClients, pipeline, batch
	o.Payload = words(command)
	o.Warmup, o.Duration = 0, length
	s := runChild(tb, o)
	if s.Totals.Counts.Failed() > 0 {
		tb.Fatalf("%+v, %v", s.Totals.Counts, s.Totals.Answers)
	}
	trips := measured(&s).RoundTrip.Histogram()
	return bout{
		float64(s.Slice.Counts().OK) / s.Slice.Seconds(), trips.Mean() / 1000,
		float64(trips.ValueAtQuantile(50)) / 1000, float64(trips.ValueAtQuantile(99)) / 1000,
	}
}

// busyCommand keeps the server busy for a while, once it has busyKeys keys: it looks at
// each of them and answers with none.
const (
	busyCommand = "KEYS nobody:*"
	busyKeys    = 20_000
)

// fill gives the server keys.
func fill(tb testing.TB, socket string, keys int) {
	tb.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for i := range keys {
		fmt.Fprintf(c, "SET somebody:%d x\r\n", i)
		if line, err := in.ReadString('\n'); err != nil || line != "+OK\r\n" {
			tb.Fatalf("SET: %q, %v", line, err)
		}
	}
}

// redisClients is how many connections both have.
const redisClients = 50

// BenchmarkAgainstRedis runs this generator and redis-benchmark in turn on one
// redis-server, 50 connections, and prints the medians of all turns and of their
// ratios. Take -benchtime=9x or more; each turn is about a second.
//
// The two do not book the same: see docs/load.md. How much of the time each has booked
// stands in the table; where both have booked the same part at the same rate, their
// means are the same. That is so where both clients wait for the server: the last row
// is a command that keeps it busy for most of a millisecond, where their rates and
// percentiles should agree.
func BenchmarkAgainstRedis(b *testing.B) {
	socket := startRedis(b)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "command\tpipeline\trequests/s\tredis-benchmark\tratio\tp50 µs\tredis-benchmark\tratio\tp99 µs\tredis-benchmark\tratio\tbooked %\tredis-benchmark\tratio\t")
	type shape struct {
		name     string
		pipeline int
		batch    bool
	}
	shapes := []shape{{"1", 1, false}, {"16", 16, false}, {"16 --batch", 16, true}}
	for _, command := range []string{"SET", "GET", busyCommand} {
		if command == busyCommand {
			fill(b, socket, busyKeys)
			shapes = shapes[:1]
		}
		for _, shape := range shapes {
			pipeline := shape.pipeline
			b.Run(strings.Fields(command)[0]+"/pipeline"+strings.ReplaceAll(shape.name, " --", ""), func(b *testing.B) {
				requests := int64(ourTurn(b, socket, command, pipeline, shape.batch, 300*time.Millisecond).rate)
				names := []string{"requests/s", "p50", "p99", "booked"}
				places := redisClients * pipeline
				ours, theirs, ratio := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
				for turn := 0; b.Loop(); turn++ {
					var we, they bout
					if turn%2 == 0 {
						they = redisTurn(b, socket, command, pipeline, requests)
					}
					we = ourTurn(b, socket, command, pipeline, shape.batch, time.Second)
					if turn%2 == 1 {
						they = redisTurn(b, socket, command, pipeline, requests)
					}
					pairs := [][2]float64{{we.rate, they.rate}, {we.p50, they.p50}, {we.p99, they.p99},
						{100 * we.booked(places), 100 * they.booked(places)}}
					for i, name := range names {
						ours[name] = append(ours[name], pairs[i][0])
						theirs[name] = append(theirs[name], pairs[i][1])
						ratio[name] = append(ratio[name], pairs[i][0]/pairs[i][1])
					}
				}
				b.ReportMetric(0, "ns/op")
				fmt.Fprintf(table, "%s\t%s\t", command, shape.name)
				for _, name := range names {
					r := median(ratio[name])
					fmt.Fprintf(table, "%.0f\t%.0f\t%.3f\t", median(ours[name]), median(theirs[name]), r)
					b.ReportMetric(r, name+"-ratio")
				}
				fmt.Fprintln(table)
			})
		}
	}
	fmt.Println()
	_ = table.Flush() // to standard output
}
