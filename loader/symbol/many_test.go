// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/loader/mapping"
)

// TestManyMappingsAreFollowed gives a process a hundred thousand mappings of memory
// without a file, and then as many others: what is gone is told from what is there
// without comparing each with each, and is kept within its bound.
func TestManyMappingsAreFollowed(t *testing.T) {
	p := OpenProcess(1)
	defer p.Close()
	for turn := range 4 {
		mappings := make([]mapping.Mapping, 100_000)
		for i := range mappings {
			at := uint64(turn*len(mappings)+i+1) << 12
			mappings[i] = mapping.Mapping{Start: at, End: at + 4096, Device: "00:00", Inode: "0"}
		}
		if err := p.take(mappings); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.gone) != goneBound || p.gone[len(p.gone)-1].Start != 300_000<<12 {
		t.Errorf("%d mappings are kept that are gone, want the latest %d", len(p.gone), goneBound)
	}
}

// TestWhatSomebodyElseHasSeenIsRemembered: a library that was gone at each look of
// ours has its name, and what has taken its place goes before it.
func TestWhatSomebodyElseHasSeenIsRemembered(t *testing.T) {
	p := OpenProcess(1)
	defer p.Close()
	lib := func(name string, at uint64) mapping.Mapping {
		return mapping.Mapping{Start: at, End: at + 4096, Path: "/lib/" + name, Device: "fe:01", Inode: name}
	}
	_ = p.take([]mapping.Mapping{lib("first", 0x30000)}) // no such file exists
	_ = p.take([]mapping.Mapping{lib("a", 0x10000)})
	for range 2 {
		p.Remember([]mapping.Mapping{lib("a", 0x10000), lib("gone", 0x20000), lib("old", 0x10000), lib("next", 0x30000)})
	}
	for at, want := range map[uint64]string{0x10010: "a", 0x20010: "gone", 0x30010: "next"} {
		if f := p.Frame(at, true); f.Object != want {
			t.Errorf("0x%x is in %s, want %s", at, f.Object, want)
		}
	}
	if len(p.gone) != 4 {
		t.Errorf("%v are kept", p.gone)
	}
	if err := p.Problems(); err == nil || !strings.Contains(err.Error(), "/lib/gone") {
		t.Errorf("what could not be read: %v", err)
	}
}

// TestFilesWithoutNumberAreNotHeldOpen: only so many are opened, and so many
// reasons kept.
func TestFilesWithoutNumberAreNotHeldOpen(t *testing.T) {
	p := OpenProcess(1)
	defer p.Close()
	mappings := make([]mapping.Mapping, objectBound+1000)
	for i := range mappings {
		at := uint64(i+1) << 12
		mappings[i] = mapping.Mapping{Start: at, End: at + 4096, Path: "/nonexistent/" + strconv.Itoa(i), Device: "fe:01", Inode: strconv.Itoa(i)}
	}
	err := p.take(mappings)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) > problemBound+1 || len(p.objects) > objectBound {
		t.Errorf("%d objects, and the error is %v", len(p.objects), err)
	}
}
