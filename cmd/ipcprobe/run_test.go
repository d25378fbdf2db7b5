// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// brief makes a run short.
var brief = []string{"--duration", "2s", "--warmup", "100ms"}

func TestAForeignGatewayIsMeasuredAndLivesOn(t *testing.T) {
	server := startForeign(t)
	r := measureJSON(t, exitDone, append(brief, "--pid", strconv.Itoa(server.Pid))...)
	checkWhole(t, r)
	if !server.Alive() {
		t.Errorf("the gateway did not live on:\n%s", server.Output())
	}
	nothingLeft(t)
}

// checkWhole holds what every good run must satisfy.
func checkWhole(t *testing.T, r *results.Result) {
	t.Helper()
	switch {
	case !r.Valid:
		t.Fatalf("invalid: %q", r.InvalidReasons)
	case r.Join == nil || r.Legs == nil || r.Latency == nil || r.CPU == nil || r.Memory == nil || r.Overhead == nil || r.Loss == nil:
		t.Fatalf("a part is missing: %+v", r)
	case r.Join.MatchedPct < 99.9:
		t.Errorf("matched %.3f %% of %d: %v", r.Join.MatchedPct, r.Join.Requests, r.Join.Unmatched)
	case !r.Loss.Reconciled || r.Loss.Lost != 0:
		t.Errorf("accounts: %+v", r.Loss)
	}
	if limit := *r.Legs.RoundTrip.P50 / 50; r.Join.Residual.P99 == nil || *r.Join.Residual.P99 > limit {
		t.Errorf("residual p99 %v, want at most %d ns, 2 %% of the round trip's p50", r.Join.Residual.P99, limit)
	}
	sum := r.Legs.SendCall.Mean + r.Legs.QueueWait.Mean + r.Legs.ServiceTime.Mean + r.Legs.ReplyDelivery.Mean
	if trip := r.Legs.RoundTrip.Mean; sum < 0.98*trip || sum > 1.02*trip {
		t.Errorf("the legs' means add up to %.0f ns, the round trip's is %.0f", sum, trip)
	}
	if r.Load.AchievedRPS == nil || r.Load.Requests.OK == 0 || r.Load.Requests.Failed() != 0 {
		t.Errorf("load: %+v", r.Load)
	}
	if len(r.Syscalls) == 0 || r.CPU.Samples == 0 || r.CPU.UtilisationPct <= 0 || r.Memory.RSSPeakBytes < r.Memory.RSSBaselineBytes {
		t.Errorf("calls %d, samples %d, CPU %.1f %%, memory %+v", len(r.Syscalls), r.CPU.Samples, r.CPU.UtilisationPct, r.Memory)
	}
}

func TestEveryRequestIsJoined(t *testing.T) {
	for name, load := range map[string][]string{
		"at 20,000/s on 16 connections": {"--rate", "20000", "--connections", "16"},
		"pipelined":                     {"--rate", "max", "--connections", "4", "--pipeline", "8"},
		"one connection":                {"--rate", "max", "--connections", "1"},
		"large requests":                {"--rate", "max", "--connections", "3", "--payload", "1MiB"},
		"empty pings":                   {"--type", "0xf0", "--payload", "0", "--connections", "60"},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := startPeer(t, "stampserver")
			args := append(append([]string{"--pid", strconv.Itoa(server.Pid), "--max-errors", "0"}, brief...), load...)
			args = append(args, "--budget", "50")
			got := measureLenient(t, args...)
			if got.Join == nil || got.Join.MatchedPct < 99.9 || !got.Loss.Reconciled {
				t.Fatalf("join %+v, loss %+v, invalid %q", got.Join, got.Loss, got.InvalidReasons)
			}
			worst := got.Join.Residual.Max
			if p99 := got.Join.Residual.P99; p99 != nil { // of fewer than 2,000 there is none
				worst = *p99
			}
			if worst > *got.Legs.RoundTrip.P50/50 {
				t.Errorf("residual %d ns, round trip p50 %d ns", worst, *got.Legs.RoundTrip.P50)
			}
		})
	}
}

// measureLenient takes a run that a busy machine has made invalid, by a late
// generator, as well: what the kernel saw is right all the same.
func measureLenient(t *testing.T, args ...string) *results.Result {
	t.Helper()
	kerneltest.Privileged(t)
	out := filepath.Join(t.TempDir(), "run")
	got := ipcprobe(t, append([]string{"run", "--quiet", "--out", out}, args...)...)
	if got.code != exitDone && got.code != exitInvalid {
		t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	return readResult(t, out)
}

func TestAnInterruptedRunHarmsNobody(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	for i := range 12 {
		var errs bytes.Buffer
		c := command("run", "--pid", strconv.Itoa(server.Pid), "--duration", "30s", "--warmup", "200ms",
			"--pipeline", "4", "--out", filepath.Join(t.TempDir(), "run"))
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(1500 * time.Millisecond))
		signal := []os.Signal{syscall.SIGINT, syscall.SIGTERM}[i%2]
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // the code is looked at
		if want := signalBase + int(signal.(syscall.Signal)); c.ProcessState.ExitCode() != want && c.ProcessState.ExitCode() != -1 {
			t.Errorf("interrupted: exit code %d, want %d\n%s", c.ProcessState.ExitCode(), want, errs.String())
		}
		if !server.Alive() {
			t.Fatalf("the gateway died of interruption %d:\n%s", i, errs.String())
		}
	}
	nothingLeft(t)
}

func TestATargetThatEndsIsReported(t *testing.T) {
	kerneltest.Privileged(t)
	server := startForeign(t)
	measuring := startRun(t, server.Pid, "--duration", "30s")
	measuring.probed(t)
	signalTo(t, server.Pid, syscall.SIGKILL)
	measuring.mustSay(t, measuring.end(t), exitInvalid, "signal 9")
	r := readResult(t, measuring.folder)
	if r.Valid || !r.Run.Partial || r.Target.Ended == "" || r.Load.AchievedRPS != nil || len(r.Run.Slices) == 0 || r.Join == nil {
		t.Errorf("result: valid %v, run %+v, target %+v", r.Valid, r.Run, r.Target)
	}
	nothingLeft(t)
}

func TestAStartedTargetIsMeasuredAndEnded(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	program := buildPeer(t, "foreign")
	r := measureJSON(t, exitDone, append(brief, "--", program, socket)...)
	checkWhole(t, r)
	if err := syscall.Kill(r.Target.PID, 0); err != syscall.ESRCH {
		t.Errorf("the started target is still there: %v", err)
	}
}

func TestASlowAnswerIsInTheServiceTime(t *testing.T) {
	const pauseUs = 2000
	server, _ := startPeer(t, "stampserver", "--pause-us", strconv.Itoa(pauseUs), "--pause-pct", "1")
	r := measureJSON(t, exitDone, "--pid", strconv.Itoa(server.Pid), "--duration", "4s", "--warmup", "100ms",
		"--connections", "1", "--rate", "max", "--budget", "50")
	legs := r.Legs
	if legs.ServiceTime.P999 == nil || *legs.ServiceTime.P999 < pauseUs*1000 || *legs.ServiceTime.P50 > pauseUs*1000/4 {
		t.Errorf("service time %+v, want a pause of %d µs in 1 %%", legs.ServiceTime, pauseUs)
	}
	for name, leg := range map[string]*results.Distribution{"send call": legs.SendCall, "queue wait": legs.QueueWait, "reply delivery": legs.ReplyDelivery} {
		if leg.P99 == nil || *leg.P99 > pauseUs*1000/2 {
			t.Errorf("%s: %+v, want nothing of the pause", name, leg)
		}
	}
}
