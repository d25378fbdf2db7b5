// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// JSON writes result.json: indented, keys in the order of results.Result, lists
// never null. Characters that could act on a terminal are written as \u
// escapes. It fails on a figure that JSON can't hold (NaN, infinity) and with
// the writer's errors; nothing is written in the first case.
func JSON(w io.Writer, r *results.Result) error {
	return encode(w, "result", filled(r))
}

// encode writes a document, or nothing if it can't be encoded.
func encode(w io.Writer, what string, document any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(document); err != nil {
		return fmt.Errorf("encode %s: %w", what, err)
	}
	if _, err := w.Write(results.QuietJSON(buf.Bytes())); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// SuiteJSON writes a suite with its results, as JSON does each of them.
func SuiteJSON(w io.Writer, s *results.Suite) error {
	c := *s
	c.Command = orEmpty(c.Command)
	c.Phases = slices.Clone(c.Phases)
	for i := range c.Phases {
		c.Phases[i].Result = filled(c.Phases[i].Result)
	}
	return encode(w, "suite", c)
}

// filled is a copy of r in which lists and tallies that the schema requires are
// empty rather than nil.
func filled(r *results.Result) *results.Result {
	c := *r
	c.InvalidReasons = orEmpty(c.InvalidReasons)
	c.Warnings = orEmpty(c.Warnings)
	c.Run.Slices = orEmpty(c.Run.Slices)
	c.Run.Command = orEmpty(c.Run.Command)
	c.Target.Command = orEmpty(c.Target.Command)
	c.Environment.Placement.TargetCPUs = orEmpty(c.Environment.Placement.TargetCPUs)
	c.Environment.Placement.GeneratorCPUs = orEmpty(c.Environment.Placement.GeneratorCPUs)
	if c.Traffic != nil {
		t := *c.Traffic
		t.Untimed = orNone(t.Untimed)
		c.Traffic = &t
	}
	if c.Join != nil {
		j := *c.Join
		j.Unmatched = orNone(j.Unmatched)
		c.Join = &j
	}
	if c.Syscalls != nil {
		c.Syscalls = append([]results.Syscall(nil), c.Syscalls...)
		for i := range c.Syscalls {
			c.Syscalls[i].Errors = orNone(c.Syscalls[i].Errors)
		}
	}
	if c.CPU != nil {
		u := *c.CPU
		u.Top = orEmpty(u.Top)
		c.CPU = &u
	}
	if c.Memory != nil && c.Memory.Heap != nil {
		m, h := *c.Memory, *c.Memory.Heap
		h.Allocator = orEmpty(h.Allocator)
		h.Sizes = orEmpty(h.Sizes)
		h.Sites = orEmpty(h.Sites)
		m.Heap = &h
		c.Memory = &m
	}
	if c.Copies != nil {
		p := *c.Copies
		p.Batching = orEmpty(p.Batching)
		c.Copies = &p
	}
	if c.Overhead != nil {
		o := *c.Overhead
		o.Programs = orEmpty(o.Programs)
		c.Overhead = &o
	}
	if c.Memory != nil {
		c.Memory = filledMemory(c.Memory)
	}
	if c.Loss != nil {
		l := *c.Loss
		l.Programs = orEmpty(l.Programs)
		c.Loss = &l
	}
	return &c
}

func filledMemory(of *results.Memory) *results.Memory {
	m := *of
	for _, list := range []*[]results.MemoryOrigin{&m.Faults, &m.Growth} {
		*list = append([]results.MemoryOrigin(nil), *list...)
		for i := range *list {
			(*list)[i].Frames = orEmpty((*list)[i].Frames)
		}
	}
	if m.Massif != nil {
		v := *m.Massif
		v.Snapshots, v.Sites = orEmpty(v.Snapshots), orEmpty(v.Sites)
		m.Massif = &v
	}
	if m.Leak != nil {
		l := *m.Leak
		l.Stacks = append([]results.LeakStack{}, l.Stacks...)
		for i := range l.Stacks {
			l.Stacks[i].Frames = orEmpty(l.Stacks[i].Frames)
		}
		m.Leak = &l
	}
	return &m
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func orNone(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}
