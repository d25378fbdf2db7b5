// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"strconv"
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
