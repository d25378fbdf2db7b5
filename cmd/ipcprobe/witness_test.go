// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
)

// witness is a client that knows nothing of probes: gateway/peer's plainclient in a
// closed loop, with a log of how many answers came in each millisecond.
type witness struct {
	cmd  *exec.Cmd
	log  string
	errs bytes.Buffer
}

// startWitness loads a server until it is told to end.
func startWitness(tb testing.TB, socket string, connections int) *witness {
	tb.Helper()
	w := &witness{log: filepath.Join(tb.TempDir(), "log")}
	w.cmd = exec.Command(peer.Build(tb, "plainclient"), "--socket", socket, "--log", w.log,
		"--connections", strconv.Itoa(connections), "--duration", "7200")
	w.cmd.Stderr = &w.errs
	if err := w.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if w.cmd.ProcessState == nil {
			_ = w.cmd.Process.Kill()
			_ = w.cmd.Wait()
		}
	})
	return w
}

// stop ends the load in good order and returns what the witness saw.
func (w *witness) stop(tb testing.TB) *timeline {
	tb.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		tb.Fatalf("the witness is gone: %v\n%s", err, w.errs.String())
	}
	if err := w.cmd.Wait(); err != nil {
		tb.Fatalf("the witness: %v\n%s", err, w.errs.String())
	}
	data, err := os.ReadFile(w.log)
	if err != nil {
		tb.Fatal(err)
	}
	t, err := parseTimeline(string(data))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// timeline is how many answers came in each millisecond from start (CLOCK_MONOTONIC).
type timeline struct {
	start   int64
	answers []int64
}

func parseTimeline(text string) (*timeline, error) {
	lines := strings.Fields(text)
	numbers := make([]int64, len(lines))
	for i, line := range lines {
		var err error
		if numbers[i], err = strconv.ParseInt(line, 10, 64); err != nil {
			return nil, fmt.Errorf("read the witness's log: %w", err)
		}
	}
	if len(numbers) < 2 {
		return nil, fmt.Errorf("read the witness's log: %d lines", len(numbers))
	}
	return &timeline{numbers[0], numbers[1:]}, nil
}

// between is how many answers came between two stamps. A millisecond that is only
// partly inside counts in part.
func (t *timeline) between(from, to int64) float64 {
	const ms = 1_000_000
	n := 0.0
	for i := max(0, (from-t.start)/ms); i < int64(len(t.answers)); i++ {
		begin := t.start + i*ms
		if begin >= to {
			break
		}
		n += float64(t.answers[i]) * float64(min(to, begin+ms)-max(from, begin)) / ms
	}
	return n
}

// rate is answers a second between two stamps.
func (t *timeline) rate(from, to int64) float64 {
	return t.between(from, to) / (float64(to-from) / 1e9)
}

// slice is what the witness saw of a stretch, with the server's CPU time, in the form
// that stats reads.
func (t *timeline) slice(s stretch, cpu *clockLog) results.Slice {
	return results.Slice{
		Mode: s.mode, Start: s.from, End: s.to,
		TargetCPU: [2]results.CPUTime{cpu.at(s.from), cpu.at(s.to)},
		Intervals: []results.Interval{{
			Start: s.from, End: s.to, Counts: results.Counts{OK: int64(t.between(s.from, s.to) + 0.5)},
		}},
	}
}

// stretch is a time of which is known what was attached in it.
type stretch struct {
	mode     results.Mode
	from, to int64
}

func TestTimelineCountsPartsOfAMillisecond(t *testing.T) {
	line, err := parseTimeline("1000000000\n10\n20\n30\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from, to int64
		want     float64
	}{
		{1_000_000_000, 1_003_000_000, 60},
		{1_000_500_000, 1_002_000_000, 25},
		{1_001_250_000, 1_001_500_000, 5},
		{0, 1_000_000_000, 0},
		{1_002_500_000, 2_000_000_000, 15},
	} {
		if got := line.between(tt.from, tt.to); got != tt.want {
			t.Errorf("between %d and %d: %v answers, want %v", tt.from, tt.to, got, tt.want)
		}
	}
	for _, bad := range []string{"", "1\n", "1\nx\n"} {
		if _, err := parseTimeline(bad); err == nil {
			t.Errorf("%q is read as a log", bad)
		}
	}
}
