// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestAHeapProfileHoldsWhatWasAskedForAndIsHeld(t *testing.T) {
	h := &results.Heap{DurationNs: 5e9, All: []results.HeapSite{
		{Call: "malloc", Allocs: 10, AllocBytes: 1000, LiveBytes: 300, LiveObjects: 3, Complete: true,
			Frames: []results.Frame{{Function: "leak", Object: "server", Address: 0x1234}, {Function: "main", Object: "server", Address: 0x2000}}},
		{Call: "realloc", Allocs: 1, AllocBytes: 7, LiveBytes: -20, LiveObjects: -1,
			Frames: []results.Frame{{Function: "shrink", Object: "server", Address: 0x3000}}},
	}}
	var file bytes.Buffer
	if err := Write(&file, Heap(h, time.Unix(7, 0))); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&file)
	if err != nil {
		t.Fatal(err)
	}
	var types string
	for _, v := range p.SampleType {
		types += v.Type + "/" + v.Unit + " "
	}
	if types != "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes " || p.DefaultSampleType != "inuse_space" {
		t.Errorf("types %s, default %s", types, p.DefaultSampleType)
	}
	if p.DurationNanos != 5e9 || p.TimeNanos != 7e9 || len(p.Sample) != 2 {
		t.Fatalf("%v", p)
	}
	leak, shrink := p.Sample[0], p.Sample[1]
	if got := leak.Value; got[0] != 10 || got[1] != 1000 || got[2] != 3 || got[3] != 300 {
		t.Errorf("the leak has %v", got)
	}
	if name := leak.Location[0].Line[0].Function.Name; name != "leak" || len(leak.Location) != 2 || leak.Label["stack"] != nil {
		t.Errorf("its stack begins with %s, labels %v", name, leak.Label)
	}
	if got := shrink.Value; got[2] != 0 || got[3] != 0 || shrink.Label["stack"] == nil {
		t.Errorf("what gave back more than it took has %v, labels %v", got, shrink.Label)
	}
}
