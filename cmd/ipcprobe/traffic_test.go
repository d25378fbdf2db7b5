// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// seen is what the probes count while a client works from its start to its end.
func seen(t *testing.T, pid int, client *exec.Cmd) (results.Flows, []results.CallTable) {
	t.Helper()
	probes, err := loader.Open(loader.Options{Target: pid, Watch: true})
	if err != nil {
		t.Fatal(err)
	}
	defer probes.Close()
	if err := probes.Attach(); err != nil {
		t.Fatal(err)
	}
	if err := probes.Count(true); err != nil {
		t.Fatal(err)
	}
	if out, err := client.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", client.Path, err, out)
	}
	if err := probes.Count(false); err != nil {
		t.Fatal(err)
	}
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	flows, err := probes.Flows()
	if err != nil {
		t.Fatal(err)
	}
	calls, err := probes.Calls()
	if err != nil {
		t.Fatal(err)
	}
	loss, err := probes.Loss()
	if err != nil || !loss.Reconciled || loss.Lost > 0 {
		t.Errorf("accounts: %+v, %v", loss, err)
	}
	return flows, calls
}

func TestEveryRequestOfRedissBenchmarkIsCounted(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, benchmark := startRedis(t)
	const n, connections = 30_011, 20
	flows, calls := seen(t, server.Pid, exec.Command(benchmark, "-s", socket, "-t", "get", "-q",
		"-n", strconv.Itoa(n), "-c", strconv.Itoa(connections)))
	// The benchmark asks for the server's settings first, and may begin a few
	// requests more than it waits for.
	if flows.Answers < n || flows.Answers > n+2*connections {
		t.Errorf("%d answers to %d requests: %+v", flows.Answers, n, flows)
	}
	if float64(flows.Timed) < 0.999*float64(flows.Answers) || flows.PipelinedConnections > 0 {
		t.Errorf("%d of %d timed, %d connections pipelined", flows.Timed, flows.Answers, flows.PipelinedConnections)
	}
	if flows.Connections < connections || flows.Connections > connections+3 {
		t.Errorf("%d connections, want %d and one or two that ask for settings", flows.Connections, connections)
	}
	for _, call := range calls {
		if per := float64(call.Calls) / float64(flows.Answers); (call.Name == "read" || call.Name == "write") && math.Abs(per-1) > 0.02 {
			t.Errorf("%.3f calls of %s a request, want 1", per, call.Name)
		}
	}
}

func TestRedissPipelinesAreOneAnswerEach(t *testing.T) {
	kerneltest.Privileged(t)
	server, socket, benchmark := startRedis(t)
	const n, depth = 16_000, 16
	flows, _ := seen(t, server.Pid, exec.Command(benchmark, "-s", socket, "-t", "get", "-q",
		"-n", strconv.Itoa(n), "-c", "10", "-P", strconv.Itoa(depth)))
	// Sixteen requests in one send and their answers in one look like one request:
	// what can be told without framing.
	if batches := int64(n / depth); flows.Answers < batches || flows.Answers > batches+40 {
		t.Errorf("%d answers to %d batches", flows.Answers, batches)
	}
}

// The server logs its own stamps: at the return of the recv that took a request,
// and before the send that carries the answer.
func TestServiceTimesOfOthersClientsAreThoseOfTheServersOwnStamps(t *testing.T) {
	kerneltest.Privileged(t)
	log := filepath.Join(t.TempDir(), "stamps")
	server, socket := startPeer(t, "stampserver", "--log", log, "--busy-us", "50")
	flows, _ := seen(t, server.Pid, exec.Command(peer.Build(t, "plainclient"), "--socket", socket,
		"--connections", "4", "--requests", "20011"))
	if code := server.Stop(); code != 0 {
		t.Fatalf("the server ended with %d:\n%s", code, server.Output())
	}
	stamps, err := peer.ReadStamps(log)
	if err != nil {
		t.Fatal(err)
	}
	if flows.Answers != int64(len(stamps)) || flows.Timed != flows.Answers {
		t.Errorf("%d answers, %d timed; the server logged %d", flows.Answers, flows.Timed, len(stamps))
	}
	var own []int64
	var sum int64
	for _, s := range stamps {
		own = append(own, int64(s.SendingNs-s.ReceivedNs))
		sum += own[len(own)-1]
	}
	slices.SortFunc(own, cmp.Compare[int64])
	legs := stats.FlowLegs(&flows)
	mean, median := float64(sum)/float64(len(own)), float64(own[len(own)/2])
	t.Logf("mean %.0f ns, the server's own %.0f; median %d ns, its own %.0f", legs.ServiceTime.Mean, mean, *legs.ServiceTime.P50, median)
	if off := math.Abs(legs.ServiceTime.Mean - mean); off > 2000+mean/32 {
		t.Errorf("mean is off by %.0f ns", off)
	}
	// Buckets are a sixteenth wide.
	if off := math.Abs(float64(*legs.ServiceTime.P50) - median); off > 2000+median/16 {
		t.Errorf("median is off by %.0f ns", off)
	}
	parts := legs.ServiceOnCPUUser.Mean + legs.ServiceOnCPUKernel.Mean + legs.ServiceBlocked.Mean + legs.UpstreamWait.Mean + legs.ServiceRunQueue.Mean
	if math.Abs(parts-legs.ServiceTime.Mean) > 1 {
		t.Errorf("the parts' means add up to %.0f ns of %.0f", parts, legs.ServiceTime.Mean)
	}
}

func TestAPipeliningClientIsFoundOut(t *testing.T) {
	kerneltest.Privileged(t)
	// One that read all eight at once would make the client alternate, eight by eight.
	server, socket := startPeer(t, "stampserver", "--busy-us", "20", "--read-bytes", "100")
	flows, _ := seen(t, server.Pid, exec.Command(peer.Build(t, "plainclient"), "--socket", socket,
		"--connections", "3", "--pipeline", "8", "--requests", "60000"))
	if flows.PipelinedConnections != 3 || float64(flows.Timed) > 0.02*float64(flows.Answers) {
		t.Errorf("%d of 3 connections pipelined, %d of %d answers timed", flows.PipelinedConnections, flows.Timed, flows.Answers)
	}
}
