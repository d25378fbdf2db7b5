// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
)

// clockLog reads a process's CPU time every 20 ms; nil has read nothing.
type clockLog struct {
	readings []results.CPUTime
	end      chan struct{}
	ended    chan struct{}
}

func followClock(clock *gateway.Clock) *clockLog {
	l := &clockLog{end: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if now, err := clock.Read(); err == nil {
				l.readings = append(l.readings, now)
			}
			select {
			case <-tick.C:
			case <-l.end:
				return
			}
		}
	}()
	return l
}

func (l *clockLog) stop() *clockLog {
	close(l.end)
	<-l.ended
	return l
}

// at is a reading at some time: on the line between those before and behind it.
func (l *clockLog) at(stamp int64) results.CPUTime {
	if l == nil {
		return results.CPUTime{}
	}
	i := sort.Search(len(l.readings), func(i int) bool { return l.readings[i].At >= stamp })
	if i == 0 || i == len(l.readings) {
		return results.CPUTime{} // not followed then
	}
	a, b := l.readings[i-1], l.readings[i]
	share := float64(stamp-a.At) / float64(b.At-a.At)
	return results.CPUTime{At: stamp, Total: a.Total + int64(share*float64(b.Total-a.Total))}
}

// cores is how many cores the process kept busy between two stamps.
func (l *clockLog) cores(from, to int64) float64 {
	begin, end := l.at(from), l.at(to)
	return float64(end.Total-begin.Total) / float64(end.At-begin.At)
}

// openClockOf opens the CPU clock of a process, until the benchmark ends.
func openClockOf(b *testing.B, pid int) *gateway.Clock {
	b.Helper()
	target, err := gateway.Inspect(b.Context(), pid)
	if err != nil {
		b.Fatal(err)
	}
	clock, err := gateway.OpenClock(target)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = clock.Close() })
	return clock
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// grouped writes a number with commas.
func grouped(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	var out strings.Builder
	for i, digit := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(digit)
	}
	return out.String()
}
