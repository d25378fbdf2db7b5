// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"os"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/loader/mapping"
	"github.com/ipcprobe/ipcprobe/loader/unwind"
)

// Rows and rules are copied into the kernel as they stand.
func TestRowsAndRulesAreLaidOutAsTheWalkReadsThem(t *testing.T) {
	for _, pair := range [][2]reflect.Type{
		{reflect.TypeFor[unwind.Row](), reflect.TypeFor[bpf.ProbeUnwindRow]()},
		{reflect.TypeFor[unwind.Rule](), reflect.TypeFor[bpf.ProbeUnwindRule]()},
	} {
		ours, theirs := fields(pair[0]), fields(pair[1])
		if pair[0].Size() != pair[1].Size() || !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%v of %d bytes, with fields (offset, size) %v; in C %d bytes, %v",
				pair[0], pair[0].Size(), ours, pair[1].Size(), theirs)
		}
	}
	for c, ours := range map[bpf.ProbeUnwindCfa]unwind.Kind{
		bpf.ProbeUnwindCfaUNWIND_CFA_UNSUPPORTED: unwind.CFAUnsupported,
		bpf.ProbeUnwindCfaUNWIND_CFA_REGISTER:    unwind.CFARegister,
		bpf.ProbeUnwindCfaUNWIND_CFA_LOAD:        unwind.CFALoad,
		bpf.ProbeUnwindCfaUNWIND_CFA_INDEXED:     unwind.CFAIndexed,
		bpf.ProbeUnwindCfaUNWIND_CFA_STUB:        unwind.CFAStub,
	} {
		if int(c) != int(ours) {
			t.Errorf("a kind of CFA is %d in C and %d in Go", c, ours)
		}
	}
	for c, ours := range map[bpf.ProbeUnwindWhere]unwind.Where{
		bpf.ProbeUnwindWhereUNWIND_UNSUPPORTED: unwind.Unsupported,
		bpf.ProbeUnwindWhereUNWIND_SAME:        unwind.Same,
		bpf.ProbeUnwindWhereUNWIND_UNDEFINED:   unwind.Undefined,
		bpf.ProbeUnwindWhereUNWIND_AT_CFA:      unwind.AtCFA,
		bpf.ProbeUnwindWhereUNWIND_AT_STACK:    unwind.AtStack,
		bpf.ProbeUnwindWhereUNWIND_AT_FRAME:    unwind.AtFrame,
		bpf.ProbeUnwindWhereUNWIND_IS_CFA:      unwind.IsCFA,
		bpf.ProbeUnwindWhereUNWIND_IN_REGISTER: unwind.InRegister,
		bpf.ProbeUnwindWhereUNWIND_OF_PARENT:   unwind.OfParent,
	} {
		if int(c) != int(ours) {
			t.Errorf("a place of a register is %d in C and %d in Go", c, ours)
		}
	}
	if unwind.Gap != 1 {
		t.Errorf("the flag of a gap is %d in Go, 1 in C", unwind.Gap)
	}
}

func fields(of reflect.Type) (list [][2]uintptr) {
	for i := range of.NumField() {
		if f := of.Field(i); f.Type.Size() > 0 {
			list = append(list, [2]uintptr{f.Offset, f.Type.Size()})
		}
	}
	return list
}

func TestEveryEndOfAWalkHasWords(t *testing.T) {
	for end, words := range unwindEnds {
		if words == "" {
			t.Errorf("end %d of a walk has no words", end)
		}
	}
}

func TestOwnCodeIsCovered(t *testing.T) {
	tables := newTables()
	if err := tables.follow(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	c := tables.coverage()
	if c.Bytes == 0 || len(tables.objects) == 0 {
		t.Fatalf("this process has no code: %+v", c)
	}
	// Go writes no .eh_frame; the vDSO has one.
	for id, o := range tables.objects {
		if id.name == "[vdso]" && (o.err != nil || len(o.rows) == 0 || o.table.Unread > 0) {
			t.Errorf("the vDSO has %d rows: %v, %v", len(o.rows), o.err, o.table.Err)
		}
	}
	if len(c.Lacking) == 0 || c.Pct() > 50 {
		t.Errorf("a Go program is covered to %.1f %%, lacking %q", c.Pct(), c.Lacking)
	}
}

// TestAFileIsOpenedOnceForAllItsMappings: a target may map one file as often as the
// kernel lets it, and opening it for each takes half a minute.
func TestAFileIsOpenedOnceForAllItsMappings(t *testing.T) {
	const mappings = 2000
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	for range mappings { // one beside the other would become one
		code, err := unix.Mmap(int(self.Fd()), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(code)
	}
	tables, s := newTables(), &space{pid: os.Getpid()}
	if _, err := s.read(tables); err != nil { // compiles
		t.Fatal(err)
	}
	again := &space{pid: os.Getpid()}
	list := testing.AllocsPerRun(1, func() { _, _ = mapping.Read(os.Getpid()) })
	all := testing.AllocsPerRun(1, func() { again.now, again.list, again.of = nil, nil, nil; _, _ = again.read(tables) })
	if len(again.list) < mappings {
		t.Fatalf("only %d mappings", len(again.list))
	}
	if more := all - list; more > mappings {
		t.Errorf("%.0f allocations for %d mappings of one file, beside those of their list", more, mappings)
	}
}
