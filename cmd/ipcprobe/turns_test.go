// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// On a saturated server families of probes take turns. What is counted a request
// divides by the requests of the slices that counted it, and samples still know their
// requests.
func TestTheFamiliesOfProbesTakeTurnsOnASaturatedServer(t *testing.T) {
	kerneltest.Privileged(t)
	server, _ := startPeer(t, "stampserver")
	out := filepath.Join(t.TempDir(), "run")
	got := ipcprobe(t, "run", "--quiet", "--pid", strconv.Itoa(server.Pid), "--out", out,
		"--connections", "16", "--duration", "6s", "--budget", "20")
	if got.code != exitDone && got.code != exitInvalid { // busy machines make late generators
		t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	r := resultIn(t, out)
	requests := make(map[string]int64)
	for _, s := range r.Run.Slices {
		if (s.Carried != "") != (s.Mode == results.Probed.String()) {
			t.Errorf("slice %+v", s)
		}
		requests[s.Carried] += s.Requests
	}
	if requests["calls"] == 0 || requests["clock"] == 0 {
		if r.CPU.UtilisationPct < 85 {
			t.Logf("the server was not saturated: %.0f %% of a core", r.CPU.UtilisationPct)
			return
		}
		t.Fatalf("requests by what their slices carried: %v", requests)
	}
	if text := strings.Join(strings.Fields(got.stdout), " "); !strings.Contains(text, "of requests and calls, ") {
		t.Errorf("the report does not say who had which turn:\n%s", got.stdout)
	}
	for _, call := range r.Syscalls {
		if (call.Name == "recvfrom" || call.Name == "sendto") && math.Abs(call.CallsPerRequest-1) > 0.02 {
			t.Errorf("%s: %.3f calls a request", call.Name, call.CallsPerRequest)
		}
	}
	// One request a connection is under way at each border.
	if bound := float64(requests["all"] + requests["calls"]); math.Abs(float64(r.Join.Requests)/bound-1) > 0.02 {
		t.Errorf("%d requests in the join, %.0f were answered in slices that follow them", r.Join.Requests, bound)
	}
	checkServed(t, out)
}

// checkServed holds that samples of a server that does nothing but answer belong to
// requests.
func checkServed(t *testing.T, out string) {
	t.Helper()
	p := profileIn(t, out, "cpu.pb.gz")
	var all, served int64
	for _, s := range p.Sample {
		all += s.Value[0]
		if len(s.Label["band"]) > 0 {
			served += s.Value[0]
		}
	}
	if all < 20 || float64(served) < 0.3*float64(all) {
		t.Errorf("%d of %d samples belong to a request", served, all)
	}
}
