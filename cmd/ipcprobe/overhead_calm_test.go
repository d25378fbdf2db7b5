// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/stats"
)

// calm is the rate at which the server's CPU is looked at, requests/s.
const calm = "2500"

// compareCalm is the server's CPU at a set rate, with the default run and without, in
// percent of a core.
func compareCalm(b *testing.B, server int, socket string, n int) {
	clock := openClockOf(b, server)
	var with, without, rose []float64
	for i := range n {
		var cpu [2]float64
		for turn := range 2 {
			watched := (turn+i)%2 == 1
			log := followClock(clock)
			began := monotonic()
			from, to := began+1_500_000_000, began+10_500_000_000
			if watched {
				m, err := runHere(server, false, 3, "--rate", calm, "--duration", "10s")
				if err != nil {
					b.Fatal(err)
				}
				from, to = m.slices[0].Start, m.slices[len(m.slices)-1].End
			} else {
				loadAside(b, "--socket", socket, "--rate", calm)
			}
			cpu[turnOf(watched)] = log.stop().cores(from, to) * 100
		}
		without, with, rose = append(without, cpu[0]), append(with, cpu[1]), append(rose, cpu[1]-cpu[0])
	}
	e, ok := stats.Location(rose)
	fmt.Printf("At %s requests/s, open loop (ipcprobe load), the server's CPU is %.2f %% of a\ncore without and %.2f %% with the default run: it rises by %.2f %% of a core", "2,500", median(without), median(with), e.Point)
	if ok {
		fmt.Printf(",\n95 %% interval %.2f to %.2f", e.Interval[0], e.Interval[1])
	}
	fmt.Printf(" (%d pairs)\n", n)
}

func turnOf(watched bool) int {
	if watched {
		return 1
	}
	return 0
}
