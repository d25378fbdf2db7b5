// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
)

// A cause that is put in must come out in its own place, at least nine tenths of
// it. What was put in is known from the outside: a sleep of known length in a
// known share of the requests, an upstream that takes a known time.

func TestASleepInTheServiceIsBlockedTime(t *testing.T) {
	const pause, share = 2 * time.Millisecond, 0.05
	server, _ := startPeer(t, "stampserver", "--pause-us", "2000", "--pause-pct", "5")
	r := measureJSON(t, exitDone, "--pid", strconv.Itoa(server.Pid), "--duration", "3s", "--warmup", "100ms",
		"--connections", "1", "--budget", "50")
	checkCause(t, "blocked", r.Legs.ServiceBlocked, share*float64(pause))
	checkNothing(t, "upstream wait", r.Legs.UpstreamWait)
}

func TestAnAnswerFromUpstreamIsUpstreamWait(t *testing.T) {
	const delay = 5 * time.Millisecond
	gateway := startGateway(t, "--nats-delay", delay.String())
	r := measureJSON(t, exitDone, "--pid", strconv.Itoa(gateway), "--duration", "3s", "--warmup", "100ms",
		"--connections", "1", "--budget", "50")
	checkCause(t, "upstream wait", r.Legs.UpstreamWait, float64(delay))
	if busy := r.Legs.QueueBusy; busy != nil && busy.Mean > float64(delay)/10 {
		t.Errorf("queue wait, server busy: %.0f ns with one request in flight", busy.Mean)
	}
}

func TestASlowNeighbourIsQueueWaitWithABusyServer(t *testing.T) {
	const busy = 500 * time.Microsecond
	server, _ := startPeer(t, "stampserver", "--busy-us", "500")
	r := measureJSON(t, exitDone, "--pid", strconv.Itoa(server.Pid), "--duration", "3s", "--warmup", "100ms",
		"--connections", "4", "--budget", "50")
	// Four take turns: each waits for the three before it.
	checkCause(t, "server busy", r.Legs.QueueBusy, 3*float64(busy))
}

func checkCause(t *testing.T, name string, d *results.Distribution, put float64) {
	t.Helper()
	if d == nil {
		t.Fatalf("%s was not measured", name)
	}
	t.Logf("%s: mean %.0f ns of %.0f put in", name, d.Mean, put)
	if d.Mean < 0.9*put {
		t.Errorf("%s: mean %.0f ns, want at least 90 %% of the %.0f put in", name, d.Mean, put)
	}
}

func checkNothing(t *testing.T, name string, d *results.Distribution) {
	t.Helper()
	if d != nil && d.Max != 0 {
		t.Errorf("%s: %+v, want none", name, d)
	}
}

// startGateway builds and starts ipcgateway with the reference gateway beside it,
// and returns the gateway's PID.
func startGateway(t *testing.T, args ...string) int {
	t.Helper()
	_, pid := startKept(t, args...)
	return pid
}

// startKept returns ipcgateway as well, the gateway's keeper.
func startKept(t *testing.T, args ...string) (keeper *peer.Process, pid int) {
	t.Helper()
	program := filepath.Join(filepath.Dir(peer.Reference(t, "v1")), "ipcgateway")
	if out, err := exec.Command("go", "build", "-o", program, "../ipcgateway").CombinedOutput(); err != nil {
		t.Fatalf("build ipcgateway: %v\n%s", err, out)
	}
	socket := filepath.Join(openFolder(t), "s")
	p := peer.Start(t, "ready", program, append(args, "--socket", socket)...)
	match := regexp.MustCompile(`ready pid=(\d+)`).FindStringSubmatch(p.Output())
	if match == nil {
		t.Fatalf("no PID in %q", p.Output())
	}
	pid, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return p, pid
}
