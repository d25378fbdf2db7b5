// SPDX-License-Identifier: Apache-2.0

package massif

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	mostFile      = 64 << 20 // bytes of a massif.out that are read
	mostSnapshots = 100_000
	mostSites     = 20 // of the peak's tree that are kept
)

// allocFns is the root of a heap tree.
const allocFns = "(heap allocation functions)"

// Read reads a massif.out, as valgrind's massif writes it (massif manual, section
// 9.2) and as Write does: the snapshots, and of the peak's tree who called the
// allocator. It refuses what is no massif.out, and one that ends before its first
// snapshot is whole.
func Read(r io.Reader) (*results.Massif, error) {
	lines := bufio.NewScanner(io.LimitReader(r, mostFile))
	lines.Buffer(nil, 1<<20)
	m := &results.Massif{}
	p := parser{massif: m}
	for n := 1; lines.Scan(); n++ {
		if err := p.line(lines.Text()); err != nil {
			return nil, fmt.Errorf("read massif.out: line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read massif.out: %w", err)
	}
	if m.TimeUnit == "" || len(m.Snapshots) == 0 {
		return nil, errors.New("read massif.out: it holds no snapshot")
	}
	for i := range m.Snapshots {
		s := &m.Snapshots[i]
		if s.HeapBytes+s.ExtraBytes > m.PeakBytes+m.PeakExtraBytes {
			m.PeakBytes, m.PeakExtraBytes = s.HeapBytes, s.ExtraBytes
		}
	}
	return m, nil
}

type parser struct {
	massif *results.Massif
	inPeak bool // in the tree of the peak
}

func (p *parser) line(text string) error {
	m := p.massif
	key, value, pair := strings.Cut(text, "=")
	switch {
	case strings.HasPrefix(text, "time_unit: "):
		m.TimeUnit = strings.TrimSpace(strings.TrimPrefix(text, "time_unit: "))
	case strings.HasPrefix(text, "desc: "), strings.HasPrefix(text, "cmd: "), strings.HasPrefix(text, "#"), text == "":
	case m.TimeUnit == "":
		return errors.New("not in massif's form")
	case strings.HasPrefix(strings.TrimLeft(text, " "), "n"):
		return p.node(text)
	case pair && key == "snapshot":
		if len(m.Snapshots) >= mostSnapshots {
			return errors.New("too many snapshots")
		}
		p.inPeak = false
		m.Snapshots = append(m.Snapshots, results.MassifSnapshot{})
	case pair && key == "heap_tree":
		p.inPeak = value == "peak"
		if p.inPeak {
			m.Sites = nil
		}
	case pair:
		return p.figure(key, value)
	default:
		return errors.New("not in massif's form")
	}
	return nil
}

// figure reads one figure of the latest snapshot.
func (p *parser) figure(key, value string) error {
	all := p.massif.Snapshots
	v, err := strconv.ParseInt(value, 10, 62)
	if err != nil || v < 0 || len(all) == 0 {
		return fmt.Errorf("%q is not a figure of a snapshot", key)
	}
	s := &all[len(all)-1]
	switch key {
	case "time":
		s.Time = v
	case "mem_heap_B":
		s.HeapBytes = v
	case "mem_heap_extra_B":
		s.ExtraBytes = v
	case "mem_stacks_B":
		s.StackBytes = v
	}
	return nil
}

// node reads a line of a tree: " n1: 3000000 0x109155: grow (server.c:4)". The
// children of the root are who called the allocator.
func (p *parser) node(text string) error {
	depth := len(text) - len(strings.TrimLeft(text, " "))
	_, rest, found := strings.Cut(text, ": ")
	bytes, where, spaced := strings.Cut(rest, " ")
	v, err := strconv.ParseInt(bytes, 10, 62)
	if err != nil || !found || !spaced {
		return errors.New("not a line of a heap tree")
	}
	if !p.inPeak || depth != 1 || len(p.massif.Sites) >= mostSites || strings.HasPrefix(where, allocFns) || strings.HasPrefix(where, "in ") {
		return nil
	}
	if _, name, addressed := strings.Cut(where, ": "); addressed {
		where = name
	}
	p.massif.Sites = append(p.massif.Sites, results.MassifSite{Function: where, Bytes: v})
	return nil
}
