// SPDX-License-Identifier: Apache-2.0

package massif

import (
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

const whole = `desc: --massif-out-file=/tmp/massif.out
cmd: ./server --socket /tmp/s=1
time_unit: ms
#-----------
snapshot=0
#-----------
time=0
mem_heap_B=0
mem_heap_extra_B=0
mem_stacks_B=0
heap_tree=empty
#-----------
snapshot=1
#-----------
time=770
mem_heap_B=3000000
mem_heap_extra_B=80000
mem_stacks_B=7
heap_tree=peak
n2: 3000000 (heap allocation functions) malloc/new/new[], --alloc-fns, etc.
 n1: 2900000 0x109155: grow (server.c:4)
  n0: 2900000 0x10918F: main (server.c:5)
 n0: 60000 0x109999: std::map<int, a::b>::insert(int, a::b const&) (in /usr/bin/server)
 n0: 40000 in 7 places, all below massif's threshold (1.00%)
#-----------
snapshot=2
#-----------
time=778
mem_heap_B=100
mem_heap_extra_B=8
mem_stacks_B=0
heap_tree=detailed
n1: 100 (heap allocation functions) malloc/new/new[], --alloc-fns, etc.
 n0: 100 0x109155: other (server.c:9)
`

func TestReadTakesSnapshotsAndThePeaksSites(t *testing.T) {
	m, err := Read(strings.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if m.PeakBytes != 3_000_000 || m.PeakExtraBytes != 80_000 || m.TimeUnit != "ms" || len(m.Snapshots) != 3 ||
		m.Snapshots[1] != (results.MassifSnapshot{Time: 770, HeapBytes: 3_000_000, ExtraBytes: 80_000, StackBytes: 7}) {
		t.Errorf("got %+v", m)
	}
	want := []results.MassifSite{{Function: "grow (server.c:4)", Bytes: 2_900_000},
		{Function: "std::map<int, a::b>::insert(int, a::b const&) (in /usr/bin/server)", Bytes: 60_000}}
	if len(m.Sites) != 2 || m.Sites[0] != want[0] || m.Sites[1] != want[1] {
		t.Errorf("sites %+v", m.Sites)
	}
}

func TestReadRefusesWhatIsNoMassif(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "no snapshot",
		"hello":                                  "not in massif's form",
		"desc: x\ncmd: y\ntime_unit: i\n":        "no snapshot",
		"time_unit: i\ntime=4":                   "figure of a snapshot",
		"time_unit: i\nsnapshot=0\ntime=-4":      "line 3",
		"time_unit: i\nsnapshot=0\n n1: many 0x": "heap tree",
		"time_unit: i\nsnapshot=0\nwhatever":     "not in massif's form",
	} {
		if m, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want …%s…", text, m, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(whole)
	f.Add("time_unit: B\nsnapshot=0\nmem_heap_B=9\nheap_tree=peak\nn0: 1 x\n n0: 1 0x1: y\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Read(strings.NewReader(text))
		if err == nil && (len(m.Snapshots) == 0 || m.PeakBytes < 0 || len(m.Sites) > mostSites) {
			t.Errorf("%+v", m)
		}
	})
}
