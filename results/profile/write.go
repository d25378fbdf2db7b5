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
	labels, paths := newLabelSets(), make(map[int32][]*profile.Location)
	for i := range from.Samples {
		s := &from.Samples[i]
		stack := &from.Stacks[s.Stack]
		if paths[s.Stack] == nil {
			paths[s.Stack] = t.path(stack)
		}
		p.Sample = append(p.Sample, &profile.Sample{
			Value: s.Values, Label: labels.text(stack, &s.Labels), NumLabel: labels.numbers(&s.Labels),
			Location: paths[s.Stack],
		})
	}
	p.Mapping, p.Location, p.Function = t.finish()
	return p
}
