// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"os"
	"testing"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// A tape of one page holds some thirty records. What finds no room is lost, and
// counted to the last one.
func TestATapeOfOnePageLosesAndCounts(t *testing.T) { onEachRung(t, aTapeOfOnePageLosesAndCounts) }

func aTapeOfOnePageLosesAndCounts(t *testing.T, rung Rung) {
	pid, conn := startServer(t)
	probes := open(t, Options{Rung: rung, Target: pid, Client: os.Getpid(), TapeBytes: 4096})
	const n = 500
	if err := probes.Attach(); err != nil {
		t.Fatal(err)
	}
	exchange(t, conn, n+1) // the first makes the connection known, and may itself not be seen
	full := probes.TapeUsedPct()
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	seen, err := probes.Collect(nil)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := probes.Loss()
	if err != nil {
		t.Fatal(err)
	}
	// Each request is queued, taken and answered; reads of the client are told
	// where it had slept.
	least := 3 * n
	if !rung.SeesQueue() {
		least = 2 * n
	}
	made := len(seen) - len(only(seen, results.Delivered))
	lost := int(loss.Lost)
	if rung.typed() && (len(seen) == 0 || len(seen) > 4096/recordBytes || full < 100) { // else each CPU has a part of its own
		t.Errorf("%d records on one page, %.0f %% of it used", len(seen), full)
	}
	if made+lost < least || made+lost > least+n+3 || !loss.Reconciled {
		t.Errorf("%d records and %d lost, want %d and what the client was told: %+v", made, lost, least, loss)
	}
	for _, program := range loss.Programs {
		told := int(program.Emitted + program.Lost)
		if rung.SeesQueue() && program.Name == bpf.ProbeProgSockSendLength && (told < least-n || told > least-n+2) {
			t.Errorf("%s: %d emitted and %d lost, want %d together, and the first two", program.Name, program.Emitted, program.Lost, least-n)
		}
	}
}
