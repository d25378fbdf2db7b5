// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
)

// residentBytes is what a process holds now ("VmRSS") or held at most ("VmHWM"); 0
// when it has ended.
func residentBytes(pid int, field string) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), field+":")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}

// soakLength is IPCPROBE_SOAK, 20 s by default.
func soakLength(b *testing.B) time.Duration {
	text := os.Getenv("IPCPROBE_SOAK")
	if text == "" {
		return 20 * time.Second
	}
	length, err := time.ParseDuration(text)
	if err != nil || length < 10*time.Second {
		b.Fatalf("IPCPROBE_SOAK is %q, but must be a time of 10s or more", text)
	}
	return length
}

// BenchmarkSoak loads a server with 100,000 requests/s for IPCPROBE_SOAK (20 s; make
// soak-load takes ten minutes) and prints what is resident of both processes of
// `ipcprobe load`, that which sends and that which counts, every ten seconds.
// Together they may have 100 MB. What counts is collected now and then, so that it
// goes up and down: the most of the second half may be 8 MB above that of the first.
func BenchmarkSoak(b *testing.B) {
	length := soakLength(b)
	const most, growth = 100_000_000, 8_000_000
	for b.Loop() {
		socket := filepath.Join(b.TempDir(), "s")
		peer.Start(b, "ready", peer.Build(b, "stampserver"), "--socket", socket)
		c := command("load", "--socket", socket, "--rate", "100000", "--duration", length.String(), "--quiet", "--format", "json")
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		child := childOf(b, c.Process.Pid)
		fmt.Printf("\n%8s  %16s  %16s\n", "after", "sender RSS", "counter RSS")
		began := time.Now()
		var early, late, top [2]int64
		look := func() {
			rss := [2]int64{residentBytes(child, "VmRSS"), residentBytes(c.Process.Pid, "VmRSS")}
			if rss[0] == 0 || rss[1] == 0 {
				return
			}
			at := time.Since(began)
			for i, n := range rss {
				top[i] = max(top[i], n)
				if at <= length/2+time.Second {
					early[i] = max(early[i], n)
				} else {
					late[i] = max(late[i], n)
				}
			}
			fmt.Printf("%7.0fs  %13.1f MB  %13.1f MB\n", at.Seconds(), float64(rss[0])/1e6, float64(rss[1])/1e6)
		}
		tick := time.NewTicker(10 * time.Second)
		for running := true; running; {
			select {
			case <-tick.C:
				look()
			case <-ended:
				running = false
			}
		}
		tick.Stop()
		var r results.Result
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			b.Fatalf("%v\n%s", err, errs.String())
		}
		fmt.Printf("%d requests were sent, %d answered; valid: %v %q\n", r.Load.Requests.Sent, r.Load.Requests.OK, r.Valid, r.InvalidReasons)
		if top[0]+top[1] > most {
			b.Errorf("%d and %d bytes were resident, want %d at most", top[0], top[1], int64(most))
		}
		for i, who := range []string{"sends", "counts"} {
			if late[i] > early[i]+growth {
				b.Errorf("the process that %s grew from %d to %d bytes", who, early[i], late[i])
			}
		}
		b.ReportMetric(float64(top[0]+top[1])/1e6, "MB")
	}
	b.ReportMetric(0, "ns/op")
}
