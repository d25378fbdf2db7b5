// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"fmt"
	"io"
	"time"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

// CPU is a CPU profile to be written.
type CPU struct {
	Stacks   []results.Stack
	Period   time.Duration // CPU time that a sample stands for
	Start    time.Time     // wall clock at the first slice
	Duration time.Duration // time in which samples were taken
}

// Write writes the profile, gzipped, as `go tool pprof` reads it. Its sample
// types are samples/count and cpu/nanoseconds, the second shown by default. A
// sample whose walk did not reach the thread's start carries the label
// stack=cut, one inside ipcprobe's own programs code=ipcprobe: `-tagfocus` and
// `-tagignore` select by them.
func Write(w io.Writer, c CPU) error {
	p := build(c)
	if err := p.CheckValid(); err != nil {
		return fmt.Errorf("check profile: %w", err)
	}
	if err := p.Write(w); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return nil
}

// build makes the profile.
func build(c CPU) *profile.Profile {
	t := newTables()
	p := &profile.Profile{
		SampleType:        []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		DefaultSampleType: "cpu",
		PeriodType:        &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		Period:            c.Period.Nanoseconds(),
		DurationNanos:     c.Duration.Nanoseconds(),
	}
	if !c.Start.IsZero() {
		p.TimeNanos = c.Start.UnixNano()
	}
	for i := range c.Stacks {
		s := &c.Stacks[i]
		if s.Samples <= 0 {
			continue
		}
		sample := &profile.Sample{
			Value: []int64{s.Samples, s.Samples * c.Period.Nanoseconds()},
			Label: labels(s),
		}
		for j := range s.Frames {
			sample.Location = append(sample.Location, t.location(&s.Frames[j]))
		}
		if len(s.Frames) == 0 {
			sample.Location = append(sample.Location, t.location(&results.Frame{Function: noStack}))
		}
		p.Sample = append(p.Sample, sample)
	}
	p.Mapping, p.Location, p.Function = t.finish()
	return p
}

// noStack stands for a stack without a frame.
const noStack = "[no stack]"

func labels(s *results.Stack) map[string][]string {
	l := make(map[string][]string)
	if !s.Complete {
		l["stack"] = []string{"cut"}
	}
	if s.Own {
		l["code"] = []string{"ipcprobe"}
	}
	return l
}
