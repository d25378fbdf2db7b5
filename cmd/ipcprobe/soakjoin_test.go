// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// BenchmarkJoinSoak measures a server at 100,000 requests/s for IPCPROBE_SOAK (20 s;
// make soak-join takes ten minutes), every slice of it probed and joined, and prints
// what is resident of `ipcprobe run` every ten seconds: the process that holds the
// probes, joins and reports, with the memory that it shares with them. At most 300 MB
// may be, by the kernel's own mark (VmHWM), the report at the end included.
func BenchmarkJoinSoak(b *testing.B) {
	kerneltest.Privileged(b)
	length := soakLength(b)
	const most = 300_000_000
	for b.Loop() {
		socket := filepath.Join(openFolder(b), "s")
		server := peer.Start(b, "ready", peer.Build(b, "stampserver"), "--socket", socket)
		c := command("run", "--pid", strconv.Itoa(server.Pid), "--rate", "100000", "--connections", "16",
			"--duration", length.String(), "--budget", "100", "--quiet", "--format", "json", "--out", filepath.Join(b.TempDir(), "run"))
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		fmt.Printf("\n%8s  %12s  %12s\n", "after", "RSS", "most so far")
		began := time.Now()
		var top int64
		tick := time.NewTicker(time.Second)
		for i, running := 1, true; running; i++ {
			select {
			case <-tick.C:
				top = max(top, residentBytes(c.Process.Pid, "VmHWM"))
				if rss := residentBytes(c.Process.Pid, "VmRSS"); i%10 == 0 && rss > 0 {
					fmt.Printf("%7.0fs  %9.1f MB  %9.1f MB\n", time.Since(began).Seconds(), float64(rss)/1e6, float64(top)/1e6)
				}
			case <-ended:
				running = false
			}
		}
		tick.Stop()
		if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok { // the report at the end included
			top = max(top, usage.Maxrss<<10)
		}
		var r results.Result
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			b.Fatalf("%v\n%s", err, errs.String())
		}
		fmt.Printf("%d requests answered, %d records, %d of %d joined in %d probed slices; %.1f MB at most; valid: %v %q\n",
			r.Load.Requests.OK, r.Loss.Emitted, r.Join.Matched, r.Join.Requests, len(r.Run.Slices), float64(top)/1e6, r.Valid, r.InvalidReasons)
		if top > most {
			b.Errorf("%d bytes were resident, want %d at most", top, int64(most))
		}
		if r.Join.Matched == 0 {
			b.Error("nothing was joined")
		}
		server.Stop()
		b.ReportMetric(float64(top)/1e6, "MB")
	}
	b.ReportMetric(0, "ns/op")
}
