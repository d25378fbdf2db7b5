// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/memory"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// BenchmarkMemoryPart is what looking at a target's memory costs it: half a second
// with, against half a second without, in turn, at 2,500 requests/s and as fast as it
// answers. The sampler is on all the time in each run, the probes that say who takes
// new memory in its probed slices alone; here both are on all the time. The metrics
// are the middle of the turns' ratios with its 95 % interval: throughput with / without,
// and the target's CPU time a request with / without. -benchtime=20x.
func BenchmarkMemoryPart(b *testing.B) {
	kerneltest.Privileged(b)
	socket := filepath.Join(b.TempDir(), "s")
	server := peer.Start(b, "ready", peer.Build(b, "growth"), "--socket", socket, "--mode", "cache")
	target, err := gateway.Inspect(context.Background(), server.Pid)
	if err != nil {
		b.Fatal(err)
	}
	clock, err := gateway.OpenClock(target)
	if err != nil {
		b.Fatal(err)
	}
	defer clock.Close()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	for _, rate := range []struct {
		name  string
		every time.Duration
	}{{"2500rps", 400 * time.Microsecond}, {"closed", 0}} {
		for _, part := range []struct {
			name string
			look func(*testing.B, *gateway.Target) (leave func())
		}{{"sampler", sample}, {"probes", followOrigins}} {
			b.Run(rate.name+"/"+part.name, func(b *testing.B) {
				var speed, cost []float64
				for i := 0; b.Loop(); i++ {
					var rates, cpu [2]float64
					for turn := range 2 {
						with := (turn + i) % 2 // who goes first alternates
						leave := func() {}
						if with == 1 {
							leave = part.look(b, target)
						}
						rates[with], cpu[with] = halfSecond(b, conn, clock, rate.every)
						leave()
					}
					speed, cost = append(speed, rates[1]/rates[0]), append(cost, cpu[1]/cpu[0])
				}
				for of, ratios := range map[string][]float64{"throughput": speed, "cpu": cost} {
					e, ok := stats.Location(ratios)
					b.ReportMetric(e.Point, of+"-ratio")
					if ok { // 95 %
						b.ReportMetric(e.Interval[0], of+"-low")
						b.ReportMetric(e.Interval[1], of+"-high")
					}
				}
			})
		}
	}
}

func sample(b *testing.B, target *gateway.Target) (leave func()) {
	sampler, err := gateway.StartSampler(target, 0)
	if err != nil {
		b.Fatal(err)
	}
	return func() { sampler.Close() }
}

// followOrigins puts on the probe of page faults, and that of returning calls, of which
// growth is a part.
func followOrigins(b *testing.B, target *gateway.Target) (leave func()) {
	const tables = 1 // samples a second: enough for stacks to be walked
	probes, err := loader.Open(loader.Options{Target: target.PID, SampleHz: tables, Growth: true, Hooks: []string{"sys_exit"}})
	if err != nil {
		b.Fatal(err)
	}
	origins, err := memory.Open(memory.Options{Target: target.PID, Shared: probes.SharedMaps()})
	if err != nil {
		b.Fatal(errors.Join(err, probes.Close()))
	}
	if err := errors.Join(probes.Attach(), probes.Count(true)); err != nil {
		b.Fatal(err)
	}
	origins.Attach()
	return func() {
		if err := errors.Join(origins.Close(), probes.Close()); err != nil {
			b.Error(err)
		}
	}
}

// halfSecond pings the target and gives requests a second and its CPU ns a request.
func halfSecond(b *testing.B, conn net.Conn, clock *gateway.Clock, every time.Duration) (rate, cpu float64) {
	ping, answer := []byte{0, 0, 0, 6, 1, 0xf0}, make([]byte, 6)
	before, err := clock.Read()
	if err != nil {
		b.Fatal(err)
	}
	begin, n := time.Now(), 0
	for time.Since(begin) < 500*time.Millisecond {
		if _, err := conn.Write(ping); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			b.Fatal(err)
		}
		n++
		time.Sleep(time.Until(begin.Add(time.Duration(n) * every)))
	}
	took := time.Since(begin)
	after, err := clock.Read()
	if err != nil {
		b.Fatal(err)
	}
	return float64(n) / took.Seconds(), float64(after.Total-before.Total) / float64(n)
}
