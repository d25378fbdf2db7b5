// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// Flame is a flame graph: the call paths of a profile, or of a part of it.
type Flame struct {
	Unit  string `json:"unit"` // "count", "nanoseconds", "bytes"
	Views []View `json:"views"`
	Diff  bool   `json:"diff,omitempty"` // the views hold what changed, too
}

// View is what of a profile is shown at a time: all of it, or the samples that
// carry one value of a label.
type View struct {
	Name string `json:"name"`
	Root *Node  `json:"root"`
}

// Node is a function called by the one above it. Value is in the flame's unit,
// callees included; Delta is by how much it is more than in the profile compared
// with. Kind is "kernel", "inlined" or "".
type Node struct {
	Name     string  `json:"n"`
	Value    int64   `json:"v"`
	Delta    int64   `json:"d,omitempty"`
	Kind     string  `json:"l,omitempty"`
	Children []*Node `json:"c,omitempty"`

	index map[string]*Node
}

// leastShare is the part of a view below which a node is not drawn: less than a
// pixel.
const leastShare = 1.0 / 2500

// FlameOf makes the flame of a profile's sample type, by its index, with a view
// for each value of label beside the whole. nil where the profile holds nothing
// of that type.
func FlameOf(p *profile.Profile, sampleType int, label string) *Flame {
	if sampleType < 0 || sampleType >= len(p.SampleType) {
		return nil
	}
	whole := tree(p, sampleType, func(*profile.Sample) bool { return true })
	if whole.Value == 0 {
		return nil
	}
	f := &Flame{Unit: p.SampleType[sampleType].Unit, Views: []View{{Name: "all samples", Root: prune(whole, mostNodes)}}}
	if label == "" {
		return f
	}
	values := map[string]bool{}
	for _, s := range p.Sample {
		for _, v := range s.Label[label] {
			values[v] = true
		}
	}
	for _, v := range slices.Sorted(maps.Keys(values)) {
		root := tree(p, sampleType, func(s *profile.Sample) bool { return slices.Contains(s.Label[label], v) })
		if root.Value > 0 {
			f.Views = append(f.Views, View{Name: v, Root: prune(root, fewerNodes)})
		}
	}
	return f
}

// DiffOf makes the flame of b, each node with what it has more or less than in a.
// The values of a are scaled to the total of b, so that shares are compared and
// not the lengths of the measurements. nil where one of them is empty.
func DiffOf(a, b *profile.Profile, sampleType int) *Flame {
	all := func(*profile.Sample) bool { return true }
	if sampleType < 0 || sampleType >= len(a.SampleType) || sampleType >= len(b.SampleType) {
		return nil
	}
	before, after := tree(a, sampleType, all), tree(b, sampleType, all)
	if before.Value == 0 || after.Value == 0 {
		return nil
	}
	contrast(after, before, float64(after.Value)/float64(before.Value))
	return &Flame{Unit: b.SampleType[sampleType].Unit, Diff: true,
		Views: []View{{Name: "all samples", Root: prune(after, mostNodes)}}}
}

// contrast sets the deltas of after and what is below it.
func contrast(after, before *Node, scale float64) {
	after.Delta = after.Value
	if before != nil {
		after.Delta -= int64(float64(before.Value)*scale + 0.5)
	}
	for name, child := range after.index {
		var was *Node
		if before != nil {
			was = before.index[name]
		}
		contrast(child, was, scale)
	}
}

// tree adds up the samples that pick picks.
func tree(p *profile.Profile, sampleType int, pick func(*profile.Sample) bool) *Node {
	root := &Node{Name: "all"}
	for _, s := range p.Sample {
		if s.Value[sampleType] <= 0 || !pick(s) {
			continue
		}
		at := root
		at.Value += s.Value[sampleType]
		for i := len(s.Location) - 1; i >= 0; i-- {
			l := s.Location[i]
			for j := len(l.Line) - 1; j >= 0; j-- {
				at = at.child(nameOf(l, j), kindOf(l, j))
				at.Value += s.Value[sampleType]
			}
			if len(l.Line) == 0 {
				at = at.child(nameOf(l, 0), kindOf(l, 0))
				at.Value += s.Value[sampleType]
			}
		}
	}
	return root
}

func (n *Node) child(name, kind string) *Node {
	if n.index == nil {
		n.index = map[string]*Node{}
	}
	c := n.index[name]
	if c == nil {
		c = &Node{Name: name, Kind: kind}
		n.index[name] = c
	}
	return c
}

// longestName is where the names of functions are cut, in bytes.
const longestName = 160

func nameOf(l *profile.Location, line int) string {
	if line < len(l.Line) && l.Line[line].Function != nil && l.Line[line].Function.Name != "" {
		name := l.Line[line].Function.Name
		if len(name) > longestName {
			name = strings.ToValidUTF8(name[:longestName], "") + "…"
		}
		return name
	}
	if l.Mapping != nil && l.Mapping.File != "" {
		return path.Base(l.Mapping.File)
	}
	return "[unknown]"
}

func kindOf(l *profile.Location, line int) string {
	switch {
	case l.Mapping != nil && len(l.Mapping.File) > 0 && l.Mapping.File[0] == '[' && l.Mapping.File != "[vdso]":
		return "kernel"
	case line < len(l.Line)-1:
		return "inlined"
	}
	return ""
}

// Most nodes of the view of a whole profile, and of one value of a label: what
// can be read, and what lets a page with several flames stay small.
const (
	mostNodes  = 3000
	fewerNodes = 800
)

// prune takes out what is too narrow to be seen, and more where more than most
// nodes are left; it puts the others in order and returns the root.
func prune(root *Node, most int) *Node {
	least := int64(float64(root.Value) * leastShare)
	for countAbove(root, least) > most {
		least += least/2 + 1
	}
	keep(root, least)
	return root
}

func countAbove(n *Node, least int64) int {
	count := 1
	for _, c := range n.index {
		if c.Value > least {
			count += countAbove(c, least)
		}
	}
	return count
}

func keep(n *Node, least int64) {
	for _, c := range n.index {
		if c.Value > least {
			n.Children = append(n.Children, c)
			keep(c, least)
		}
	}
	slices.SortFunc(n.Children, func(a, b *Node) int { return cmp.Compare(a.Name, b.Name) })
}
