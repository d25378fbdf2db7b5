// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

const (
	// bareLength is how long a server is left alone between two visits, at least, after
	// bareSettle in which it finds back.
	bareLength = 500 * time.Millisecond
	bareSettle = 250 * time.Millisecond
)

// saturable is a server that one client can keep busy.
type saturable struct {
	name  string
	start func(tb testing.TB, socket string) *peer.Process
}

// saturated are the servers on which everything is compared.
var saturated = []saturable{
	{"ipc-gateway-v1 without NATS", func(tb testing.TB, socket string) *peer.Process {
		return peer.Start(tb, "ready", peer.Reference(tb, "v1"), "--socket", socket, "--no-nats")
	}},
	{"a C server that receives and sends", func(tb testing.TB, socket string) *peer.Process {
		return peer.Start(tb, "ready", peer.Build(tb, "stampserver"), "--socket", socket)
	}},
}

const legend = `
answers/s, ratio: of plainclient with 16 connections, in the visit and against the
bare stretches before and behind it. Whole runs with a load of their own: of a
plainclient with 8 connections beside the 8 of ipcprobe load, against the same
load without probes, and against the bare slices of that run. Both clients know of
no probe. CPU: the server's CPU time an answer, against bare. Intervals:
Hodges-Lehmann and signed ranks of n pairs, Student's where n < 6.
`

// rounds is how often everything has its turn, unless IPCPROBE_ROUNDS says it.
func rounds(b *testing.B, usual int) int {
	text := os.Getenv("IPCPROBE_ROUNDS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("IPCPROBE_ROUNDS is %q, but must be a number above 0", text)
	}
	return n
}

// BenchmarkOverhead prints what being watched costs a server: by ipcprobe, and by
// tools that people use. On each of two saturated servers one client that knows
// nothing of probes (plainclient, 16 connections) goes on all the time; between
// stretches in which nobody watches each watcher has its turn, round after round. A
// ratio is of a visit to the bare stretches before and behind it, on that client's
// own log. A watcher that isn't here, or is refused, says so in its row.
//
// Whole runs that make their own load are witnessed by a plainclient with as many
// connections beside theirs, in turn with the same load without probes. Two loads that
// were started anew differ by more than a run costs; so the witness also says what the
// run was to its own bare slices, in which nothing is attached. At 2,500 requests/s the
// server's own CPU time is compared, as /proc has it.
func BenchmarkOverhead(b *testing.B) {
	kerneltest.Privileged(b)
	n := rounds(b, 5)
	for b.Loop() {
		for _, s := range saturated {
			socket := filepath.Join(openFolder(b), "s")
			server := s.start(b, socket)
			fmt.Printf("\n%s, 16 connections, closed loop\n", s.name)
			fmt.Printf("%-37s %9s %5s  %-14s %5s %4s\n", "", "answers/s", "ratio", "95 % interval", "CPU", "n")
			compareWatchers(b, server.Pid, socket, n)
			compareWholeRuns(b, server.Pid, socket, n)
			if s.name == saturated[0].name {
				compareCalm(b, server.Pid, socket, n)
			}
			server.Stop()
		}
		fmt.Print(legend)
	}
	b.ReportMetric(0, "ns/op")
}

// visits are the stretches of one watcher, in the order of time, each visit between
// two bare ones.
type visits struct {
	watcher
	seen    []stretch // four a visit: see compareWatchers
	refused error
}

func compareWatchers(b *testing.B, server int, socket string, n int) {
	w := startWitness(b, socket, 16)
	clock := followClock(openClockOf(b, server))
	time.Sleep(time.Second)
	rows := make([]visits, 0, 8)
	for _, one := range watchers(b) {
		rows = append(rows, visits{watcher: one})
	}
	bare := leaveAlone(bareLength)
	all := []stretch{bare}
	for round := range n {
		for i := range rows {
			row := &rows[(i+round)%len(rows)] // who comes behind whom changes
			for range row.visits {
				if row.refused != nil {
					continue
				}
				before := bare
				if row.beside > bareLength {
					before = leaveAlone(row.beside)
				}
				visit, err := row.visit(server, w.cmd.Process.Pid)
				bare = leaveAlone(max(bareLength, row.beside))
				all = append(all, bare)
				if err != nil {
					row.refused = err
					continue
				}
				row.seen = append(row.seen, before, visit, bare, stretch{mode: results.Warmup}) // nobody's neighbour
			}
		}
	}
	line := w.stop(b)
	clock.stop()
	var rate []float64
	for _, s := range all {
		rate = append(rate, line.rate(s.from, s.to))
	}
	fmt.Printf("%-37s %9s %5s  %-14s %5s %4d\n", "bare", grouped(median(rate)), "1", "", "1", len(rate))
	for i := range rows {
		rows[i].print(line, clock)
		for turn, name := range rows[i].turns {
			part := rows[i].turn(turn)
			part.name = name
			part.print(line, clock)
		}
	}
}

// turn is one of what the visits carry in turn.
func (v *visits) turn(n int) visits {
	part := visits{watcher: v.watcher, refused: v.refused}
	for i := 4 * n; i < len(v.seen); i += 4 * len(v.turns) {
		part.seen = append(part.seen, v.seen[i:i+4]...)
	}
	return part
}

func leaveAlone(length time.Duration) stretch {
	time.Sleep(bareSettle)
	s := stretch{mode: results.Bare, from: monotonic()}
	time.Sleep(length)
	s.to = monotonic()
	return s
}

func (v *visits) visit(server, client int) (s stretch, err error) {
	watching, err := v.begin(server, client)
	if err != nil {
		return s, err
	}
	s.mode = results.Probed
	s.from, s.to, err = watching.watch(v.length)
	if ended := watching.end(); err == nil {
		err = ended
	}
	return s, err
}

func (v *visits) print(line *timeline, clock *clockLog) {
	if v.refused != nil {
		fmt.Printf("%-37s not measured\n  %.78s\n", v.name, v.refused)
		return
	}
	all := make([]results.Slice, len(v.seen))
	var rate []float64
	for i, s := range v.seen {
		all[i] = line.slice(s, clock)
		if s.mode == results.Probed {
			rate = append(rate, line.rate(s.from, s.to))
		}
	}
	o := stats.Overhead(all, true)
	if o == nil || o.ThroughputPct == nil {
		fmt.Printf("%-37s not measured\n", v.name)
		return
	}
	e := results.Estimate{Point: 1 - *o.ThroughputPct/100}
	if o.Interval != nil {
		e.Interval = [2]float64{1 - o.Interval[1]/100, 1 - o.Interval[0]/100}
	}
	cpu := ""
	if o.CPUPct != nil {
		cpu = fmt.Sprintf("%.2f", 1+*o.CPUPct/100)
	}
	printRow(v.name, grouped(median(rate)), e, o.Interval != nil, cpu, o.Pairs)
}

// compareWholeRuns is the default run with a load of its own, all of it, against the
// same load alone.
func compareWholeRuns(b *testing.B, server int, socket string, n int) {
	var whole, within, bare, probed, rate []float64
	for i := range n {
		var alone float64
		var m *measurement
		var line *timeline
		for turn := range 2 {
			if (turn+i)%2 == 0 {
				alone = witnessLoad(b, socket)
				continue
			}
			m, line = witnessRun(b, server, socket, 3, 8, 8)
		}
		from, to := m.slices[0].Start, m.slices[len(m.slices)-1].End
		rate = append(rate, line.rate(from, to))
		whole = append(whole, math.Log(line.rate(from, to)/alone))
		within = append(within, math.Log(line.rate(from, to)/rateOf(m, line, results.Bare)))
		bare = append(bare, math.Log(rateOf(m, line, results.Bare)/alone))
		probed = append(probed, math.Log(rateOf(m, line, results.Probed)/alone))
	}
	printLogs("ipcprobe run, a whole run", grouped(median(rate)), whole)
	printLogs("  its bare slices", "", bare)
	printLogs("  its probed slices", "", probed)
	printLogs("  whole, against its bare slices", "", within)
}

// witnessLoad is the rate of a plainclient beside `ipcprobe load`.
func witnessLoad(b *testing.B, socket string) float64 {
	w := startWitness(b, socket, 8)
	began := monotonic()
	loadAside(b, "--socket", socket, "--connections", "8")
	const warm, length = 1_500_000_000, 9_000_000_000
	return w.stop(b).rate(began+warm, began+warm+length)
}

// loadAside makes a load for 10 s. That the load generator found itself late, on a
// machine that others use, is nothing that broke.
func loadAside(b *testing.B, args ...string) {
	b.Helper()
	c := command(append([]string{"load", "--duration", "10s", "--quiet"}, args...)...)
	if out, err := c.CombinedOutput(); err != nil && c.ProcessState.ExitCode() != exitInvalid {
		b.Fatalf("load: %v\n%s", err, out)
	}
}

// witnessRun is what a plainclient saw beside `ipcprobe run`.
func witnessRun(b *testing.B, server int, socket string, budget float64, own, outside int) (*measurement, *timeline) {
	w := startWitness(b, socket, outside)
	m, err := runHere(server, false, budget, "--connections", strconv.Itoa(own), "--duration", "10s")
	if err != nil {
		b.Fatal(err)
	}
	if len(m.slices) == 0 || m.ended != "" || m.broken != nil {
		b.Fatalf("%d slices; the target %s; %v", len(m.slices), m.ended, m.broken)
	}
	return m, w.stop(b)
}

// rateOf is the witness's rate in the slices of a mode, all together.
func rateOf(m *measurement, line *timeline, mode results.Mode) float64 {
	var answers, seconds float64
	for i := range m.slices {
		if s := &m.slices[i]; s.Mode == mode {
			answers += line.between(s.Start, s.End)
			seconds += s.Seconds()
		}
	}
	return answers / seconds
}

// printLogs prints the centre of log ratios.
func printLogs(name, rate string, logs []float64) {
	e, ok := stats.Location(logs)
	e = results.Estimate{Point: math.Exp(e.Point), Interval: [2]float64{math.Exp(e.Interval[0]), math.Exp(e.Interval[1])}}
	printRow(name, rate, e, ok, "", len(logs))
}

// printRow prints a row of at most 80 columns.
func printRow(name, rate string, e results.Estimate, interval bool, cpu string, pairs int) {
	within := ""
	if interval {
		within = fmt.Sprintf("%.3f to %.3f", e.Interval[0], e.Interval[1])
	}
	fmt.Printf("%-37s %9s %.3f  %-14s %5s %4d\n", name, rate, e.Point, within, cpu, pairs)
}
