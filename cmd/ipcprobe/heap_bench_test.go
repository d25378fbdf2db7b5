// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// BenchmarkHeapBudget prints what the heap phase took of a core beside its budget, by
// the scheduler's clock of the server, and how many of its requests had an answer: of
// runs with the default budget of 3 % and with one of 10 %, on the reference gateway
// and on a server of some 50 stops a request.
func BenchmarkHeapBudget(b *testing.B) {
	kerneltest.Privileged(b)
	n := rounds(b, 5)
	for b.Loop() {
		for _, s := range []struct {
			name  string
			start func(socket string) *peer.Process
		}{
			{"ipc-gateway-v1 without NATS", func(socket string) *peer.Process { return saturated[0].start(b, socket) }},
			{"ten healthy sites and one that leaks", func(socket string) *peer.Process {
				return peer.Start(b, "ready", peer.Build(b, "leaky"), "--socket", socket, "--healthy", "--leak", "128")
			}},
		} {
			socket := filepath.Join(openFolder(b), "s")
			server := s.start(socket)
			fmt.Printf("\n%s\n%4s  %7s  %-28s %8s  %9s  %8s  %s\n", s.name,
				"run", "budget", "of a core, 95 % interval", "stops/rq", "requests", "seconds", "leak")
			for i := range n {
				for _, budget := range []float64{3, 10} {
					if err := printBudget(i+1, server.Pid, budget); err != nil {
						b.Fatal(err)
					}
				}
			}
			server.Stop()
		}
	}
	b.ReportMetric(0, "ns/op")
}

// printBudget makes one run and prints its line, and below it the warnings that are
// of its heap phase.
func printBudget(run, server int, budget float64) error {
	o, err := optionsHere(server, budget, "--rate", "2500", "--duration", "5s")
	if err != nil {
		return err
	}
	o.heap = true
	m, err := measureWith(o)
	if err != nil {
		return err
	}
	h := m.blocks
	if h == nil || h.Cost == nil {
		return fmt.Errorf("the heap was not measured: %q", m.warnings)
	}
	c := h.Cost
	fmt.Printf("%4d  %5.3g %%  %6.2f %% (%5.2f %% to %5.2f %%)  %8.1f  %9d  %8.1f  %s\n", run, budget,
		c.CorePct, c.Interval[0], c.Interval[1], c.HitsPerRequest, h.Requests, float64(h.DurationNs)/1e9, m.memory.Leak.Verdict)
	for _, w := range m.warnings {
		if strings.Contains(w, "heap") {
			fmt.Println("     ", w)
		}
	}
	return nil
}
