// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"slices"
	"testing"

	"github.com/ipcprobe/ipcprobe/loader/mapping"
)

// TestWhatIsGoneKeepsItsPlace: until something else takes it, and not where it could
// not be opened.
func TestWhatIsGoneKeepsItsPlace(t *testing.T) {
	lib := func(name string, start, end uint64) mapping.Mapping {
		return mapping.Mapping{Start: start << 12, End: end << 12, Path: "/lib/" + name, Device: "fe:01", Inode: name}
	}
	libc, plugin, other := lib("libc", 1, 4), lib("plugin", 6, 8), lib("other", 9, 10)
	memory := mapping.Mapping{Start: 20 << 12, End: 21 << 12}
	s := &space{list: []mapping.Mapping{libc, plugin, other, memory}, of: []*object{{}, {}, {unopened: true}, nil}}
	for _, tt := range []struct {
		name      string
		now, want []mapping.Mapping
	}{
		{"nothing is gone", []mapping.Mapping{libc, plugin, other, memory}, []mapping.Mapping{libc, plugin, other, memory}},
		{"the plugin is gone", []mapping.Mapping{libc}, []mapping.Mapping{libc, plugin}},
		{"its place is taken from below", []mapping.Mapping{libc, lib("new", 5, 7)}, []mapping.Mapping{libc, lib("new", 5, 7)}},
		{"its place is taken from above", []mapping.Mapping{libc, lib("new", 7, 9)}, []mapping.Mapping{libc, lib("new", 7, 9)}},
		{"another stands right behind it", []mapping.Mapping{lib("new", 8, 9)}, []mapping.Mapping{libc, plugin, lib("new", 8, 9)}},
	} {
		if got := s.withGone(slices.Clone(tt.now)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
