// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

// place is what makes a location one: an address in an object. A frame without
// an address is told apart by its name.
type place struct {
	address  uint64
	object   string
	function string
}

// spot is what makes a mapping one.
type spot struct {
	object string
	results.Mapping
}

// named is what makes a function one.
type named struct{ function, object, file string }

// tables are a profile's mappings, locations and functions while they grow.
type tables struct {
	program   *profile.Mapping // the target's executable
	mappings  map[spot]*profile.Mapping
	locations map[place]*profile.Location
	functions map[named]*profile.Function

	mappingList  []*profile.Mapping
	locationList []*profile.Location
	functionList []*profile.Function
}

func newTables() *tables {
	return &tables{
		mappings:  make(map[spot]*profile.Mapping),
		locations: make(map[place]*profile.Location),
		functions: make(map[named]*profile.Function),
	}
}

// noStack stands for a stack without a frame.
const noStack = "[no stack]"

// path returns the locations of a stack, leaf first. Functions that were put into
// another share its location.
func (t *tables) path(s *results.Stack) []*profile.Location {
	if len(s.Frames) == 0 {
		return []*profile.Location{t.location([]results.Frame{{Function: noStack}})}
	}
	var out []*profile.Location
	for i := 0; i < len(s.Frames); {
		n := i + 1
		for n < len(s.Frames) && s.Frames[n-1].Inlined && s.Frames[n].Address == s.Frames[i].Address {
			n++
		}
		out = append(out, t.location(s.Frames[i:n]))
		i = n
	}
	return out
}

// location returns the location of a frame, with what was put into it before
// it; a new one where it is the first.
func (t *tables) location(frames []results.Frame) *profile.Location {
	f := &frames[len(frames)-1]
	at := place{f.Address, f.Object, frames[0].Function}
	if l := t.locations[at]; l != nil {
		return l
	}
	l := &profile.Location{
		ID:      uint64(len(t.locationList) + 1),
		Address: f.Address,
		Mapping: t.mapping(f),
	}
	if l.Mapping != nil && len(frames) > 1 {
		l.Mapping.HasInlineFrames = true
	}
	for i := range frames {
		l.Line = append(l.Line, profile.Line{Function: t.function(&frames[i]), Line: int64(frames[i].Line)})
	}
	t.locations[at] = l
	t.locationList = append(t.locationList, l)
	return l
}

func (t *tables) function(f *results.Frame) *profile.Function {
	key := named{f.Function, f.Object, f.File}
	if fn := t.functions[key]; fn != nil {
		return fn
	}
	fn := &profile.Function{
		ID:         uint64(len(t.functionList) + 1),
		Name:       clean(f.Function),
		SystemName: clean(f.Function),
		Filename:   clean(f.File),
	}
	if f.Symbol != "" {
		fn.SystemName = clean(f.Symbol)
	}
	t.functions[key] = fn
	t.functionList = append(t.functionList, fn)
	return fn
}

// mapping returns the mapping of a frame. Where the process's own is not known,
// as for the kernel's, it is bounded by the addresses that were seen. A frame
// without an address or an object has none.
func (t *tables) mapping(f *results.Frame) *profile.Mapping {
	if f.Object == "" || f.Address == 0 {
		return nil
	}
	key := spot{object: f.Object}
	if f.Mapping != nil && f.Address >= f.Mapping.Start && f.Address < f.Mapping.Limit {
		key.Mapping = *f.Mapping
	}
	m := t.mappings[key]
	if m == nil {
		m = t.mapped(key)
		if key.Limit == 0 {
			m.Start, m.Limit, m.Offset = f.Address, f.Address+1, f.Offset
			m.File, m.BuildID = clean(f.Object), clean(f.BuildID)
		}
	}
	if f.Line > 0 {
		m.HasFilenames, m.HasLineNumbers = true, true
	}
	if key.Limit > 0 {
		return m
	}
	if f.Address < m.Start {
		m.Start, m.Offset = f.Address, f.Offset
	}
	m.Limit = max(m.Limit, f.Address+1)
	return m
}

// mapped adds a mapping as the process has it.
func (t *tables) mapped(key spot) *profile.Mapping {
	m := &profile.Mapping{
		Start: key.Start, Limit: key.Limit, Offset: key.Offset,
		File: clean(key.File), BuildID: clean(key.BuildID), HasFunctions: true,
	}
	t.mappings[key] = m
	t.mappingList = append(t.mappingList, m)
	return m
}

// finish numbers the mappings. pprof takes the first for the program itself, so
// real files come before the kernel and other things in brackets.
func (t *tables) finish() ([]*profile.Mapping, []*profile.Location, []*profile.Function) {
	slices.SortStableFunc(t.mappingList, func(a, b *profile.Mapping) int {
		switch t.program {
		case a:
			return -1
		case b:
			return 1
		}
		return cmp.Compare(rank(a.File), rank(b.File))
	})
	for i, m := range t.mappingList {
		m.ID = uint64(i + 1)
	}
	return t.mappingList, t.locationList, t.functionList
}

func rank(file string) int {
	switch object := path.Base(file); {
	case strings.HasPrefix(object, "["):
		return 2
	case strings.Contains(object, ".so"):
		return 1
	}
	return 0
}

// clean makes a name from a binary safe to store: valid UTF-8 without control
// characters.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
}
