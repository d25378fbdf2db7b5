// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"
	"testing"
)

// Records that the kernel had no room for are counted, and nobody takes the rest
// for the whole.
func TestATapeOfOnePageMakesTheRunInvalid(t *testing.T) {
	server, _ := startPeer(t, "stampserver")
	r := measureJSON(t, exitInvalid, "--pid", strconv.Itoa(server.Pid), "--duration", "1s", "--warmup", "100ms",
		"--budget", "50", "--connections", "4", "--tape", "4KiB")
	if r.Valid || !strings.Contains(strings.Join(r.InvalidReasons, "; "), "could not hand out") {
		t.Errorf("valid %v: %q", r.Valid, r.InvalidReasons)
	}
	if r.Loss.Lost == 0 || !r.Loss.Reconciled || r.Loss.Seen != r.Loss.Emitted+r.Loss.Filtered+r.Loss.Lost {
		t.Errorf("accounts: %+v", r.Loss)
	}
}

func TestWhatCanBeNoTapeIsRefused(t *testing.T) {
	for _, size := range []string{"1KiB", "5GiB", "much", "-4KiB"} {
		got := ipcprobe(t, "run", "--pid", "1", "--tape="+size)
		if got.code != exitUsage || !strings.Contains(got.stderr, "--tape") {
			t.Errorf("--tape %s: exit code %d, %s", size, got.code, got.stderr)
		}
	}
}
