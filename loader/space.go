// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/loader/mapping"
	"github.com/ipcprobe/ipcprobe/loader/unwind"
)

// identity tells files apart, also one from the next that is given its inode.
type identity struct {
	device, inode    uint64
	size             int64
	modified, change int64  // ns
	name             string // of what is no file
}

// object is one mapped object and its unwind table.
type object struct {
	name  string
	table *unwind.Table // without its rows once these are placed; nil if unreadable
	rows  []unwind.Row
	fails bpf.ProbeUnwindEnd // why there is no table; 0 if there is
	err   error

	unopened     bool // so that the next mapping of it is tried
	placed       bool
	first, count int // rows
}

// space is what one process has mapped executable.
type space struct {
	pid  int
	now  []mapping.Mapping // as it was read
	list []mapping.Mapping // with what was there before
	of   []*object         // of each in list; nil for anonymous memory
}

// read looks the mappings up again and compiles the objects that are new. Changed
// says that the walk has to know of it.
func (s *space) read(t *tables) (changed bool, err error) {
	list, err := mapping.Read(s.pid)
	if err != nil || len(list) == 0 || slices.Equal(list, s.now) {
		return false, err // a process that is ending has no mappings: keep what is known
	}
	s.now = list
	if list = s.withGone(slices.Clone(list)); slices.Equal(list, s.list) {
		return false, nil // something is gone, and keeps its place
	}
	known := make(map[mapping.Mapping]*object)
	for i, m := range s.list {
		known[m] = s.of[i]
	}
	of := make([]*object, len(list))
	opened := make(map[string]*object) // files, each once for all its new mappings
	for i, m := range list {
		o, stays := known[m]
		if !stays && m.File() {
			o, stays = opened[m.Key()]
		}
		if !stays {
			if o = t.object(s.pid, m); m.File() && !o.unopened {
				opened[m.Key()] = o
			}
		}
		of[i] = o
	}
	s.list, s.of = list, of
	return true, nil
}

// goneBound is how many mappings that are gone are kept.
const goneBound = 256

// withGone puts what was mapped before back between what is mapped now, where
// nothing else took its place: a library that is loaded again and again mostly
// comes back to where it was, and is not always there when somebody looks. One that
// could not be opened is tried when it comes back.
func (s *space) withGone(list []mapping.Mapping) []mapping.Mapping {
	kept := 0
	for at, m := range s.list {
		if o := s.of[at]; o != nil && o.unopened {
			continue
		}
		i, _ := slices.BinarySearchFunc(list, m.Start, func(l mapping.Mapping, start uint64) int {
			return cmp.Compare(l.Start, start)
		})
		over := i < len(list) && list[i].Start < m.End || i > 0 && list[i-1].End > m.Start
		if !over && m.File() && kept < goneBound {
			list = slices.Insert(list, i, m)
			kept++
		}
	}
	return list
}

// object gives the object behind a mapping, compiled if it is new.
func (t *tables) object(pid int, m mapping.Mapping) *object {
	var id identity
	var content io.ReaderAt
	switch {
	case m.File():
		file, err := mapping.Open(pid, m)
		if err != nil {
			return t.unreadable(m, err)
		}
		defer file.Close()
		var st unix.Stat_t
		if err := unix.Fstat(int(file.Fd()), &st); err != nil {
			return t.unreadable(m, fmt.Errorf("open %s: %w", m.Path, err))
		}
		id = identity{device: st.Dev, inode: st.Ino, size: st.Size, modified: st.Mtim.Nano(), change: st.Ctim.Nano()}
		content = file
	case m.Path == "[vdso]":
		memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
		if err != nil {
			return t.unreadable(m, err)
		}
		defer memory.Close()
		id = identity{name: m.Path, size: int64(m.End - m.Start)}
		content = io.NewSectionReader(memory, int64(m.Start), id.size)
	default:
		return nil
	}
	if o := t.objects[id]; o != nil {
		return o
	}
	o := t.compile(m.Object(), content, id.size)
	t.objects[id] = o
	return o
}

// unreadable stands for an object that can't be opened; the next mapping of it is
// tried again.
func (t *tables) unreadable(m mapping.Mapping, err error) *object {
	return &object{name: m.Object(), fails: bpf.ProbeUnwindEndUNWIND_BROKEN, err: err, unopened: true}
}

func (t *tables) compile(name string, content io.ReaderAt, size int64) *object {
	o := &object{name: name}
	o.table, o.err = unwind.Compile(content, size, &t.rules)
	switch {
	case errors.Is(o.err, unwind.ErrNoTable):
		o.fails = bpf.ProbeUnwindEndUNWIND_NO_TABLE
	case o.err != nil:
		o.fails = bpf.ProbeUnwindEndUNWIND_BROKEN
	default:
		o.rows, o.table.Rows, o.table.Functions = o.table.Rows, nil, nil
	}
	return o
}

// entries are the mappings as the walk reads them, sorted by address as the
// kernel lists them.
func (s *space) entries(t *tables) []bpf.ProbeUnwindMapping {
	list := make([]bpf.ProbeUnwindMapping, 0, len(s.list))
	for i, m := range s.list {
		e := bpf.ProbeUnwindMapping{Start: m.Start, End: m.End}
		switch o := s.of[i]; {
		case o == nil:
			e.Fails = uint32(bpf.ProbeUnwindEndUNWIND_ANONYMOUS)
		case o.fails != 0:
			e.Fails = uint32(o.fails)
		default:
			base, ok := o.table.Place(m.Start, m.Offset)
			if !ok {
				e.Fails = uint32(bpf.ProbeUnwindEndUNWIND_NO_ROW)
			}
			e.Base, e.First, e.Rows = base, uint32(o.first), uint32(o.count)
		}
		list = append(list, e)
	}
	return list
}
