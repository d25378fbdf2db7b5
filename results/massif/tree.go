// SPDX-License-Identifier: Apache-2.0

package massif

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// threshold is the share of the whole below which a place has no line of its
	// own, percent: massif's default.
	threshold = 1.0
	// deepest is how many frames a path may have: massif's default.
	deepest = 30
)

// node is one caller, with what the paths through it hold.
type node struct {
	label    string
	bytes    int64
	children []*node
	below    map[string]*node
}

// tree joins the stacks of a moment's sites. The sites' frames begin with the
// allocator's caller, which is just below the root.
func tree(m *results.HeapMoment, sites []results.HeapSite) *node {
	root := &node{}
	for _, held := range m.Sites {
		if held.Bytes <= 0 || held.Site < 0 || held.Site >= len(sites) {
			continue
		}
		root.bytes += held.Bytes
		at := root
		for _, frame := range sites[held.Site].Frames[:min(deepest, len(sites[held.Site].Frames))] {
			at = at.child(label(frame))
			at.bytes += held.Bytes
		}
	}
	return root
}

func (n *node) child(label string) *node {
	if c := n.below[label]; c != nil {
		return c
	}
	if n.below == nil {
		n.below = make(map[string]*node)
	}
	c := &node{label: label}
	n.below[label] = c
	n.children = append(n.children, c)
	return c
}

// label is massif's: "0x1234: function (object)".
func label(f results.Frame) string {
	return fmt.Sprintf("0x%X: %s (in %s)", f.Address, clean(f.Function), clean(f.Object))
}

// clean keeps a name from a binary inside its line.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
}

// write writes a node and what is below it, one line each: its depth as
// indentation, the number of lines that follow one level deeper, bytes, label.
func (n *node) write(w io.Writer, depth int, whole int64) {
	slices.SortStableFunc(n.children, func(a, b *node) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.label, b.label))
	})
	shown, small, places := n.children, int64(0), 0
	for i, c := range n.children {
		if float64(c.bytes) < threshold/100*float64(whole) {
			shown = n.children[:i]
			break
		}
	}
	for _, c := range n.children[len(shown):] {
		small += c.bytes
		places++
	}
	lines := len(shown)
	if places > 0 {
		lines++
	}
	indent := strings.Repeat(" ", depth)
	fmt.Fprintf(w, "%sn%d: %d %s\n", indent, lines, n.bytes, n.label)
	for _, c := range shown {
		c.write(w, depth+1, whole)
	}
	switch {
	case places == 1:
		fmt.Fprintf(w, "%s n0: %d in 1 place, below massif's threshold (%.2f%%)\n", indent, small, threshold)
	case places > 1:
		fmt.Fprintf(w, "%s n0: %d in %d places, all below massif's threshold (%.2f%%)\n", indent, small, places, threshold)
	}
}
