// SPDX-License-Identifier: Apache-2.0

//go:build unix

package peer

import (
	"path/filepath"
	"testing"
	"time"
)

// serveStamped runs requests over one stamp server and returns what it wrote.
func serveStamped(t *testing.T, server []string, client ...string) []Stamp {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	p, socket := start(t, "stampserver", append(server, "--log", log)...)
	if code, out := ask(t, socket, client...); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if code := p.Stop(); code != 0 {
		t.Fatalf("the server ends with %d: %s", code, p.Output())
	}
	stamps, err := ReadStamps(log)
	if err != nil {
		t.Fatal(err)
	}
	return stamps
}

func TestStampsOfPausesAndBusyTime(t *testing.T) {
	const busy, pause = 50 * time.Microsecond, 2 * time.Millisecond
	stamps := serveStamped(t, []string{"--busy-us", "50", "--pause-us", "2000", "--pause-pct", "1"},
		"--requests", "1000", "--connections", "4")
	if len(stamps) != 1000 {
		t.Fatalf("%d stamps, want 1000", len(stamps))
	}
	paused := 0
	for i, s := range stamps {
		took := time.Duration(s.SendingNs - s.ReceivedNs)
		if took < busy {
			t.Fatalf("request %d took %v, less than its busy time", i, took)
		}
		if s.Paused() {
			paused++
			if took < pause+busy {
				t.Fatalf("request %d was paused and took %v", i, took)
			}
		}
	}
	if paused != 10 {
		t.Errorf("%d of 1000 were paused, want 10", paused)
	}
}

func TestStampsGiveThePositionInTheStream(t *testing.T) {
	stamps := serveStamped(t, []string{"--respond-bytes", "100", "--stall-ms", "30", "--stall-at", "40"},
		"--requests", "90", "--connections", "3", "--payload", "58", "--pipeline", "5")
	seen := map[uint32]uint64{}
	for i, s := range stamps {
		seen[s.Connection]++
		n := seen[s.Connection]
		if s.InEnd != n*64 || s.OutEnd != n*106 || s.Cookie == 0 {
			t.Fatalf("stamp %d is %+v, the %d. of its connection", i, s, n)
		}
		if s.Stalled() != (i == 40) || (i == 40 && s.SendingNs-s.ReceivedNs < 30e6) {
			t.Fatalf("stamp %d is %+v", i, s)
		}
	}
	if len(seen) != 3 {
		t.Errorf("connections %v, want 3", seen)
	}
}

func TestReadStampsRefusesWhatIsNone(t *testing.T) {
	if _, err := ReadStamps("stamps_test.go"); err == nil {
		t.Error("a text is read as stamps")
	}
	if _, err := ReadStamps(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is read")
	}
}
