// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// benchUnits are the units under which metrics stand in bench.txt. benchstat reads
// "ns" in a unit as a time.
var benchUnits = map[string]string{
	"throughput": "req/s", "cpu_per_request": "cpu-ns/req", "syscalls": "syscalls/req",
	"context_switches": "switches/req", "page_faults": "faults/req",
}

// Bench writes a comparison in the format of Go's benchmarks, a line for each side
// and quad (of stored runs: each bare slice), so that benchstat compares them:
//
//	benchstat -col /build bench.txt
//
// The error is the writer's.
func Bench(w io.Writer, c *results.Comparison) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "kernel: Linux %s\ncpu: %s\n", benchWord(c.Environment.Kernel), benchWord(c.Environment.CPUModel))
	fmt.Fprintf(out, "a: %s\nb: %s\n\n", benchWord(c.A.Name), benchWord(c.B.Name))
	benchSide(out, "a", c, func(m *results.MetricChange) []float64 { return m.ASamples })
	benchSide(out, "b", c, func(m *results.MetricChange) []float64 { return m.BSamples })
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write bench.txt: %w", err)
	}
	return nil
}

func benchSide(w io.Writer, side string, c *results.Comparison, samples func(*results.MetricChange) []float64) {
	for i := 0; ; i++ {
		line := ""
		for j := range c.Metrics {
			m := &c.Metrics[j]
			if values := samples(m); i < len(values) {
				line += fmt.Sprintf(" %g %s", values[i], benchUnit(m))
			}
		}
		if line == "" {
			return
		}
		fmt.Fprintf(w, "BenchmarkRequest/build=%s 1%s\n", side, line)
	}
}

func benchUnit(m *results.MetricChange) string {
	if u, ok := benchUnits[m.Name]; ok {
		return u
	}
	word := strings.NewReplacer("calls.", "", "bytes_per_call.", "bytes-per-", "leg.", "", " ", "-").Replace(m.Name)
	switch m.Unit {
	case "ns":
		return benchWord(word) + "-ns"
	case "1/request":
		return benchWord(word) + "/req"
	}
	return benchWord(word)
}

// benchWord keeps a name on its line.
func benchWord(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, clean(s))
}
