// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/store"
)

func TestLimitsThatAreNoneAreRefused(t *testing.T) {
	kerneltest.Privileged(t)
	for name, c := range map[string]struct{ limit, want string }{
		"words":                 {"fast", "say p99<10ms"},
		"an unknown metric":     {"p98<10ms", "there are throughput, p50"},
		"no unit":               {"p99<10", "say p99<10ms"},
		"a low throughput":      {"throughput<5000", "say throughput>5000"},
		"a little of a leak":    {"leak<5", "leak=none"},
		"the same metric twice": {"cpu<30%,cpu<40%", "limited twice"},
	} {
		t.Run(name, func(t *testing.T) {
			checkRefusal(t, ipcprobe(t, "run", "--limit", c.limit), c.want)
		})
	}
}

func TestLimitsDecideTheExitCode(t *testing.T) {
	server := startForeign(t)
	for name, c := range map[string]struct {
		limits []string
		code   int
		met    []bool
	}{
		"all met":    {[]string{"throughput>1", "rss<1GB", "p50<1s", "cpu<1000%"}, exitDone, []bool{true, true, true, true}},
		"one missed": {[]string{"rss<1kB", "throughput>1"}, exitMissed, []bool{false, true}},
		// A second can't tell a leak from a pool that grows.
		"one open": {[]string{"leak=none", "throughput>1"}, exitUnsure, []bool{false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--pid", strconv.Itoa(server.Pid), "--duration", "1s", "--warmup", "100ms", "--rate", "1000"}
			for _, l := range c.limits {
				args = append(args, "--limit", l)
			}
			out := filepath.Join(t.TempDir(), "run")
			got := ipcprobe(t, append([]string{"run", "--quiet", "--out", out}, args...)...)
			text, err := os.ReadFile(filepath.Join(out, "result.json"))
			if err != nil {
				t.Fatalf("%v\n%s%s", err, got.stdout, got.stderr)
			}
			r, err := store.Decode(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			want := c.code
			if !r.Valid { // a busy machine made the load late: that outweighs the limits
				want = exitInvalid
				t.Logf("invalid: %q", r.InvalidReasons)
			}
			if got.code != want {
				t.Fatalf("exit code %d, want %d\n%s%s", got.code, want, got.stdout, got.stderr)
			}
			if len(r.Limits) != len(c.met) {
				t.Fatalf("limits: %+v", r.Limits)
			}
			for i, want := range c.met {
				if r.Load.AchievedRPS == nil && r.Limits[i].Metric == "throughput" {
					continue // withheld from an invalid run
				}
				if r.Limits[i].Met != want {
					t.Errorf("%+v, want met %v", r.Limits[i], want)
				}
			}
		})
	}
}
