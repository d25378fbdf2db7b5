// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// The cost of the programs is measured with stacks taken, and no profile has them.
func TestCostsAreThoseOfTakingStacksAndNothingIsKept(t *testing.T) {
	kerneltest.Privileged(t)
	pid := startPeer(t, compilePeer(t, "gcc", "peer.c", "-O2", "-static", "-pthread", "-w"), "frames")
	probes := open(t, Options{Target: pid, SampleHz: 997})
	check := func(err error) {
		if t.Helper(); err != nil {
			t.Fatal(err)
		}
	}
	statistics, err := probes.CountRuns()
	check(err)
	check(probes.Attach())
	for begin := time.Now(); taken(t, probes) < 50 && time.Since(begin) < time.Minute; {
		time.Sleep(10 * time.Millisecond)
	}
	check(probes.Detach())
	check(statistics.Close())
	if n := taken(t, probes); n < 50 {
		t.Errorf("%d stacks were taken", n)
	}
	costs, err := probes.Costs()
	check(err)
	found := false
	for _, c := range costs {
		found = found || c.Name == "cpu_sample" && c.Runs >= 50 && c.NsPerRun > 0
	}
	if !found {
		t.Errorf("no cost of cpu_sample in %+v", costs)
	}
	check(probes.Attach())
	check(probes.Detach())
	_, err = probes.Collect(nil)
	check(err)
	if samples, stacks := len(probes.Samples()), len(probes.sampler.samples.stacks.list); samples+stacks > 0 {
		t.Errorf("%d samples and %d stacks were kept", samples, stacks)
	}
	taken0 := taken(t, probes)
	check(probes.Attach())
	time.Sleep(50 * time.Millisecond)
	check(probes.Detach())
	if n := taken(t, probes); n != taken0 {
		t.Errorf("%d stacks were taken outside a slice", n-taken0)
	}
}
