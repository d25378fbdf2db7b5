// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"slices"
	"strings"

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

// named is what makes a function one.
type named struct{ function, object string }

// tables are a profile's mappings, locations and functions while they grow.
type tables struct {
	mappings  map[string]*profile.Mapping // by object
	locations map[place]*profile.Location
	functions map[named]*profile.Function

	mappingList  []*profile.Mapping
	locationList []*profile.Location
	functionList []*profile.Function
}

func newTables() *tables {
	return &tables{
		mappings:  make(map[string]*profile.Mapping),
		locations: make(map[place]*profile.Location),
		functions: make(map[named]*profile.Function),
	}
}

// location returns the location of a frame, a new one where it is the first.
func (t *tables) location(f *results.Frame) *profile.Location {
	at := place{f.Address, f.Object, f.Function}
	if l := t.locations[at]; l != nil {
		return l
	}
	l := &profile.Location{
		ID:      uint64(len(t.locationList) + 1),
		Address: f.Address,
		Mapping: t.mapping(f),
		Line:    []profile.Line{{Function: t.function(f)}},
	}
	t.locations[at] = l
	t.locationList = append(t.locationList, l)
	return l
}

func (t *tables) function(f *results.Frame) *profile.Function {
	key := named{f.Function, f.Object}
	if fn := t.functions[key]; fn != nil {
		return fn
	}
	fn := &profile.Function{
		ID:         uint64(len(t.functionList) + 1),
		Name:       clean(f.Function),
		SystemName: clean(f.Function),
	}
	t.functions[key] = fn
	t.functionList = append(t.functionList, fn)
	return fn
}

// mapping returns the mapping of a frame's object, widened to hold the frame.
// Only addresses that were seen bound it: where else the object was mapped is
// not known here. A frame without an address or an object has none.
func (t *tables) mapping(f *results.Frame) *profile.Mapping {
	if f.Object == "" || f.Address == 0 {
		return nil
	}
	m := t.mappings[f.Object]
	if m == nil {
		m = &profile.Mapping{
			Start: f.Address, Limit: f.Address + 1, Offset: f.Offset,
			File: clean(f.Object), BuildID: clean(f.BuildID),
			HasFunctions: true,
		}
		t.mappings[f.Object] = m
		t.mappingList = append(t.mappingList, m)
		return m
	}
	if f.Address < m.Start {
		m.Start, m.Offset = f.Address, f.Offset
	}
	m.Limit = max(m.Limit, f.Address+1)
	return m
}

// finish numbers the mappings. pprof takes the first for the program itself, so
// real files come before the kernel and other things in brackets.
func (t *tables) finish() ([]*profile.Mapping, []*profile.Location, []*profile.Function) {
	slices.SortStableFunc(t.mappingList, func(a, b *profile.Mapping) int {
		return cmp.Compare(bracketed(a.File), bracketed(b.File))
	})
	for i, m := range t.mappingList {
		m.ID = uint64(i + 1)
	}
	return t.mappingList, t.locationList, t.functionList
}

func bracketed(object string) int {
	switch {
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
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
}
