// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"os"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// Where the state of threads is kept in a map that can be full, those that find no
// place are counted as lost: the result says so, and is invalid.
func TestAMapThatIsFullLosesAndCounts(t *testing.T) {
	kerneltest.Privileged(t)
	pid, conn := startServer(t)
	const n = 200
	for _, full := range []bool{false, true} {
		options := Options{Rung: Syscall, Target: pid, Client: os.Getpid(), TapeBytes: 1 << 20}
		if full {
			options.sizes = map[string]uint32{"threads": 1}
		}
		probes := open(t, options)
		if err := probes.Attach(); err != nil {
			t.Fatal(err)
		}
		exchange(t, conn, n)
		if err := probes.Detach(); err != nil {
			t.Fatal(err)
		}
		if _, err := probes.Collect(nil); err != nil {
			t.Fatal(err)
		}
		loss, err := probes.Loss()
		if err != nil {
			t.Fatal(err)
		}
		if !loss.Reconciled || loss.Lost > 0 != full {
			t.Errorf("full %v: %+v", full, loss)
		}
	}
}
