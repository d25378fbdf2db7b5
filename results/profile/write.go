// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"fmt"
	"io"
	"path"
	"time"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

// Type names a value of a sample and its unit, as pprof does.
type Type struct{ Name, Unit string }

// Profile is what a file holds.
type Profile struct {
	Types    []Type    // of the values of a sample
	Default  string    // name of the one that is shown
	Of       Type      // what Period is a stretch of
	Period   int64     // between two samples, in the unit of Of
	Start    time.Time // wall clock at the first slice
	Duration time.Duration
	Program  *results.Mapping // the first mapping; nil: the first of those that the samples have
	Stacks   []results.Stack
	Samples  []Sample
	Comments []string // `go tool pprof -comments` shows them
}

// Sample is one line of a profile.
type Sample struct {
	Stack  int32 // index in Stacks
	Values []int64
	Labels Labels
}

// Labels tell a profile's samples apart. Empty ones are not written.
type Labels struct {
	Thread  uint32 // thread=ID, a number
	Slice   int    // slice=INDEX, a number; below 0: none
	Call    string // syscall=NAME
	Request string // request=KIND, of a mix
	Band    Band   // band=above p99
}

// Write writes a profile, gzipped, as `go tool pprof` reads it. Beside the labels
// of its own a sample whose walk did not reach the thread's start carries
// stack=cut, one inside ipcprobe's programs code=ipcprobe: `-tagfocus` and
// `-tagignore` select by them.
func Write(w io.Writer, from Profile) error {
	p := build(from)
	if err := p.CheckValid(); err != nil {
		return fmt.Errorf("check profile: %w", err)
	}
	if err := p.Write(w); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return nil
}

// build makes the profile.
func build(from Profile) *profile.Profile {
	t := newTables()
	p := &profile.Profile{
		DefaultSampleType: from.Default,
		PeriodType:        &profile.ValueType{Type: from.Of.Name, Unit: from.Of.Unit},
		Period:            from.Period,
		DurationNanos:     from.Duration.Nanoseconds(),
	}
	for _, kind := range from.Types {
		p.SampleType = append(p.SampleType, &profile.ValueType{Type: kind.Name, Unit: kind.Unit})
	}
	for _, c := range from.Comments {
		p.Comments = append(p.Comments, clean(c))
	}
	if !from.Start.IsZero() {
		p.TimeNanos = from.Start.UnixNano()
	}
	if from.Program != nil {
		t.program = t.mapped(spot{path.Base(from.Program.File), *from.Program})
	}
	for i := range from.Samples {
		s := &from.Samples[i]
		stack := &from.Stacks[s.Stack]
		p.Sample = append(p.Sample, &profile.Sample{
			Value: s.Values, Label: labels(stack, &s.Labels), NumLabel: numbers(&s.Labels), Location: t.path(stack),
		})
	}
	p.Mapping, p.Location, p.Function = t.finish()
	return p
}

// noStack stands for a stack without a frame.
const noStack = "[no stack]"

func labels(s *results.Stack, own *Labels) map[string][]string {
	l := make(map[string][]string)
	set := func(key, value string) {
		if value != "" {
			l[key] = []string{clean(value)}
		}
	}
	set("syscall", own.Call)
	set("request", own.Request)
	set("band", own.Band.String())
	if !s.Complete {
		set("stack", "cut")
	}
	if s.Own {
		set("code", "ipcprobe")
	}
	return l
}

// numbers are the labels that `-tagfocus` takes a range of.
func numbers(own *Labels) map[string][]int64 {
	l := make(map[string][]int64)
	if own.Thread != 0 {
		l["thread"] = []int64{int64(own.Thread)}
	}
	if own.Slice >= 0 {
		l["slice"] = []int64{int64(own.Slice)}
	}
	return l
}
