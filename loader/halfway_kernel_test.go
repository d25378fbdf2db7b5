// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel takes some of the hooks and refuses the next one. Whichever that is,
// Attach says so, leaves none of them on, and works once the kernel does.
func TestARefusalHalfWayLeavesNothingOn(t *testing.T) {
	onEachRung(t, aRefusalHalfWayLeavesNothingOn)
}

func aRefusalHalfWayLeavesNothingOn(t *testing.T, rung Rung) {
	pid, conn := startServer(t)
	probes := open(t, Options{Rung: rung, Target: pid, Client: os.Getpid(), TapeBytes: 1 << 20, SampleHz: 99})
	var whole unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &whole); err != nil {
		t.Fatal(err)
	}
	before, refused := descriptors(t), 0
	for most := uint64(3); ; most++ {
		few := whole
		few.Cur = most
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
			t.Fatal(err)
		}
		err := probes.Attach()
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &whole); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			break
		}
		if refused++; refused > 200 {
			t.Fatalf("never attached: %v", err)
		}
		if now := descriptors(t); now != before {
			t.Fatalf("%d descriptors before, %d after a refusal: %v", before, now, err)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
	exchange(t, conn, 10)
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	if seen, err := probes.Collect(nil); err != nil || len(seen) == 0 {
		t.Errorf("%d records once it was attached, %v", len(seen), err)
	}
	if now := descriptors(t); now != before {
		t.Errorf("%d descriptors before, %d at the end", before, now)
	}
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
