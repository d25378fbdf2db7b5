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
	var r *results.Result
	var got outcome
	var out string
	requests := make(map[string]int64)
	for range 3 { // where others work the server may not be what all wait for
		out = filepath.Join(t.TempDir(), "run")
		got = ipcprobe(t, "run", "--quiet", "--pid", strconv.Itoa(server.Pid), "--out", out,
			"--connections", "16", "--duration", "6s", "--budget", "20")
		if got.code != exitDone && got.code != exitInvalid { // busy machines make late generators
			t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
		}
		r = resultIn(t, out)
		clear(requests)
		for _, s := range r.Run.Slices {
			if (s.Carried != "") != (s.Mode == results.Probed.String()) {
				t.Errorf("slice %+v", s)
			}
			requests[s.Carried] += s.Requests
		}
		if requests["calls"] > 0 && requests["clock"] > 0 {
			break
		}
	}
	if requests["calls"] == 0 || requests["clock"] == 0 {
		t.Fatalf("requests by what their slices carried: %v, at %.0f %% of a core", requests, r.CPU.UtilisationPct)
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
	for _, w := range r.Warnings {
		if strings.Contains(w, "could be joined") || strings.Contains(w, "could not be joined") {
			t.Error(w)
		}
	}
	checkServed(t, out)
}

// checkServed holds that the samples of a server that does nothing but receive and send
// belong to requests from the end of the one call to the end of the other, which is a
// third of its time.
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
	t.Logf("%d of %d samples belong to a request", served, all)
	if all < 20 || float64(served) < 0.2*float64(all) {
		t.Errorf("%d of %d samples belong to a request", served, all)
	}
}
