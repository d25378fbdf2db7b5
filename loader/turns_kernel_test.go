// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"os"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// Slices carry families of probes in turn; each sees all of its own events, and none
// of the other's.
func TestFamiliesOfProbesTakeTurns(t *testing.T) {
	pid, conn := startServer(t)
	probes := open(t, Options{Target: pid, Client: os.Getpid(), SampleHz: 997})
	if !probes.Turns() {
		t.Logf("rung %s carries all of them in every slice", probes.Rung())
		return
	}
	if err := errors.Join(probes.Attach(), exchangeOnce(t, conn), probes.Detach()); err != nil {
		t.Fatal(err)
	}
	if _, err := probes.Collect(nil); err != nil {
		t.Fatal(err)
	}
	const n, rounds = 2000, 3
	clocked := 0
	for slice := range 2 * rounds {
		carried := results.CarriedCalls
		if slice%2 == 1 {
			carried = results.CarriedClock
		}
		seen := probed(t, probes, carried, func() {
			receives(t, pid)
			count(t, probes, true)
			exchange(t, conn, n)
			receives(t, pid)
			count(t, probes, false)
		})
		checkSeries(t, slice, only(seen, results.Queued), n, requestBytes)
		checkSeries(t, slice, only(seen, results.Taken), n, requestBytes)
		checkSeries(t, slice, only(seen, results.Answered), n, answerBytes)
		for _, o := range only(seen, results.Answered) {
			if (o.Begin != 0) != carried.Calls() {
				t.Fatalf("slice %d carried %s: a send began at %d", slice, carried, o.Begin)
			}
		}
		for _, s := range probes.Samples() {
			if (s.Kind == results.OnCPU) != carried.Clock() {
				t.Fatalf("slice %d carried %s: sample %+v", slice, carried, s)
			}
			if s.Kind == results.OnCPU {
				clocked++
			}
		}
	}
	if clocked == 0 {
		t.Error("no CPU sample")
	}
	checkCalls(t, probes, map[string]int64{"recvfrom": rounds * n, "sendto": rounds * n})
	loss, err := probes.Loss()
	if err != nil {
		t.Fatal(err)
	}
	if !loss.Reconciled || loss.Lost != 0 {
		t.Errorf("accounts: %+v", *loss)
	}
}
