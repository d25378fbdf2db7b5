// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// BenchmarkStatedCost holds the cost that a report states, with its interval, against
// one that an outside client saw: a plainclient, which knows nothing of probes or
// slices and keeps a log of when its answers came. The same stretches of time are
// compared, bare and probed, by the same arithmetic, on counts that have nothing in
// common. Ten runs (IPCPROBE_ROUNDS) of each of these, on both servers:
//
// `run` with 8 connections of its own states the loss of throughput. The outside
// client has as many beside them: the server takes the requests of all in turn, and
// slows for all alike. With one connection it would be no measure of what the others
// lose: a lone client waits behind all of them. The C server works for 6 µs a request
// here: without, two clients on one CPU keep it no busier than each other, and who of
// them loses how much is a matter between them.
//
// `run --no-load` states the rise of the server's CPU time an answer, and takes the
// number of answers from a probe. The outside client makes all the load, on 16
// connections; its answers divide the server's CPU time in /proc.
//
// Each with the default budget, which has room for few probed slices, and with one
// that probes every other slice, where the interval is narrow.
func BenchmarkStatedCost(b *testing.B) {
	kerneltest.Privileged(b)
	n := rounds(b, 10)
	for _, name := range []string{"run", "no-load"} {
		servers := saturated
		if name == "run" {
			servers = []saturable{saturated[0], {"a C server that works for 6 µs a request", busyServer}}
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, s := range servers {
					for _, budget := range []float64{3, 20} {
						fmt.Printf("\n%s, 16 connections, %s, --budget %g\n", s.name, name, budget)
						compareAllStated(b, s.start, n, name == "no-load", budget)
					}
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func busyServer(tb testing.TB, socket string) *peer.Process {
	return peer.Start(tb, "ready", peer.Build(tb, "stampserver"), "--socket", socket, "--busy-us", "6")
}

// compareAllStated prints a table of n runs on a server of its own.
func compareAllStated(b *testing.B, start func(testing.TB, string) *peer.Process, n int, noLoad bool, budget float64) {
	socket := filepath.Join(openFolder(b), "s")
	server := start(b, socket)
	defer server.Stop()
	what := "loss of throughput, stated"
	if noLoad {
		what = "rise of CPU time, stated"
	}
	fmt.Printf("%4s  %-28s %9s  %6s  %5s\n", "run", what, "outside", "agrees", "pairs")
	agreed := 0
	for i := range n {
		if compareStated(b, i+1, server.Pid, socket, noLoad, budget) {
			agreed++
		}
	}
	fmt.Printf("The outside figure lies in the stated interval in %d of %d runs.\n", agreed, n)
}

func compareStated(b *testing.B, number, server int, socket string, noLoad bool, budget float64) (agrees bool) {
	clock := openClockOf(b, server)
	log := followClock(clock)
	var m *measurement
	var line *timeline
	if noLoad {
		w := startWitness(b, socket, 16)
		var err error
		if m, err = runHere(server, true, budget, "--duration", "10s"); err != nil {
			b.Fatal(err)
		}
		line = w.stop(b)
	} else {
		m, line = witnessRun(b, server, socket, budget, 8, 8)
	}
	log.stop()
	seen := make([]results.Slice, len(m.slices))
	for i := range m.slices {
		s := &m.slices[i]
		seen[i] = line.slice(stretch{s.Mode, s.Start, s.End}, log)
	}
	stated, outside := stats.Overhead(m.slices, !noLoad), stats.Overhead(seen, !noLoad)
	point, seenPoint := stated.ThroughputPct, outside.ThroughputPct
	if noLoad {
		point, seenPoint = stated.CPUPct, outside.CPUPct
	}
	if point == nil || stated.Interval == nil || seenPoint == nil {
		fmt.Printf("%4d  not stated: %d pairs\n", number, stated.Pairs)
		return false
	}
	agrees = *seenPoint >= stated.Interval[0] && *seenPoint <= stated.Interval[1]
	fmt.Printf("%4d  %5.1f %% (%5.1f %% to %5.1f %%) %7.1f %%  %6v  %5d\n", number,
		*point, stated.Interval[0], stated.Interval[1], *seenPoint, agrees, stated.Pairs)
	return agrees
}
