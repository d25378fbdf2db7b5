// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// BenchmarkSample is what one CPU sample costs at a user stack of 20 calls and
// more, by the kernel's statistics of BPF programs: all time of the program, that
// of runs which found somebody else on the CPU too, for each sample taken. The
// target is 6 µs. It does not count the interrupt that the clock takes anyway.
func BenchmarkSample(b *testing.B) {
	kerneltest.Privileged(b)
	program := compilePeer(b, "gcc", "peer.c", "-O2", "-fomit-frame-pointer", "-pthread", "-w")
	for _, row := range []struct {
		name, kind string
		least      int // user frames
	}{{"20 frames", "frames", 20}, {"100 frames", "deep", 100}, {"a C library's", "stubs", 5}} {
		b.Run(row.name, func(b *testing.B) {
			pid := startPeer(b, program, row.kind)
			probes, err := Open(Options{Target: pid, SampleHz: 997})
			if err != nil {
				b.Fatal(err)
			}
			defer probes.Close()
			stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
			if err != nil {
				b.Fatal(err)
			}
			defer stats.Close()
			if err := probes.Attach(); err != nil {
				b.Fatal(err)
			}
			defer probes.Detach()
			time.Sleep(20 * time.Millisecond)
			before, err := probes.objects.CpuSample.Stats()
			if err != nil {
				b.Fatal(err)
			}
			if err := probes.Count(true); err != nil {
				b.Fatal(err)
			}
			for taken(b, probes) < uint64(max(b.N, 300)) {
				time.Sleep(10 * time.Millisecond)
				if _, err := probes.Drain(); err != nil {
					b.Fatal(err)
				}
			}
			after, err := probes.objects.CpuSample.Stats()
			if err != nil {
				b.Fatal(err)
			}
			n := taken(b, probes)
			b.ReportMetric(float64((after.Runtime-before.Runtime).Nanoseconds())/float64(n), "ns/sample")
			b.ReportMetric(0, "ns/op") // the clock's pace, which says nothing
			if err := probes.Detach(); err != nil {
				b.Fatal(err)
			}
			if _, err := probes.Collect(nil); err != nil {
				b.Fatal(err)
			}
			var frames, stacks int
			for _, s := range probes.sampler.samples.stacks.list {
				frames, stacks = frames+len(s.user)*int(s.samples), stacks+int(s.samples)
			}
			b.ReportMetric(float64(frames)/float64(max(1, stacks)), "user-frames")
			if frames < row.least*stacks*8/10 {
				b.Errorf("%d frames in %d stacks", frames, stacks)
			}
		})
	}
}
