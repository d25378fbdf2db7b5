// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ipcprobe/ipcprobe/results"
)

// MaxJSON is the size of the largest result.json that ReadJSON takes: 64 MiB.
const MaxJSON = 64 << 20

// JSON writes result.json: indented, keys in the order of results.Result, lists
// never null. Characters that could act on a terminal are written as \u
// escapes. It fails on a figure that JSON can't hold (NaN, infinity) and with
// the writer's errors; nothing is written in the first case.
func JSON(w io.Writer, r *results.Result) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(filled(r)); err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if _, err := w.Write(results.QuietJSON(buf.Bytes())); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
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

// ReadJSON reads a result.json back. It refuses, each with its own words, a
// document larger than MaxJSON, one that ends early, one that is no JSON, one
// that is no result, and one of a newer version than this program writes. Keys
// that it doesn't know are passed over.
func ReadJSON(r io.Reader) (*results.Result, error) {
	doc, err := io.ReadAll(io.LimitReader(r, MaxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	if len(doc) > MaxJSON {
		return nil, fmt.Errorf("read result: larger than %d MiB, so it is no result.json of ipcprobe", MaxJSON>>20)
	}
	if len(bytes.TrimSpace(doc)) == 0 {
		return nil, errors.New("read result: the file is empty")
	}
	var head struct {
		SchemaVersion *int            `json:"schema_version"`
		Valid         json.RawMessage `json:"valid"`
		Run           json.RawMessage `json:"run"`
	}
	if err := json.Unmarshal(doc, &head); err != nil {
		return nil, fmt.Errorf("read result: %w", explain(err, len(doc)))
	}
	switch {
	case head.SchemaVersion == nil || head.Run == nil && *head.SchemaVersion <= results.SchemaVersion:
		return nil, errors.New("read result: this JSON is no result of ipcprobe (schema_version or run is missing)")
	case *head.SchemaVersion > results.SchemaVersion:
		return nil, fmt.Errorf("read result: written by a newer ipcprobe (schema_version %d; this one reads up to %d)",
			*head.SchemaVersion, results.SchemaVersion)
	case *head.SchemaVersion < 1:
		return nil, fmt.Errorf("read result: schema_version %d does not exist", *head.SchemaVersion)
	case head.Valid == nil:
		return nil, errors.New("read result: it doesn't say whether it is valid")
	}
	var out results.Result
	if err := json.Unmarshal(doc, &out); err != nil {
		return nil, fmt.Errorf("read result: %w", explain(err, len(doc)))
	}
	return &out, nil
}

// explain words what encoding/json found.
func explain(err error, size int) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input":
		return fmt.Errorf("it ends in the middle, after %d bytes", size)
	case errors.As(err, &syntax):
		return fmt.Errorf("it is damaged at byte %d: %s", syntax.Offset, clean(syntax.Error()))
	case errors.As(err, &kind):
		where := kind.Field
		if where == "" {
			where = "the document"
		}
		return fmt.Errorf("it is damaged at byte %d: %s holds a %s", kind.Offset, clean(where), clean(kind.Value))
	}
	return err
}
