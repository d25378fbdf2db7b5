// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	originRows  = 6 // stacks that are listed of faults and growth
	leakRows    = 5
	frameOfWhom = 3 // frames that stand for a stack
)

// memorySection shows the resident set before, at its largest and after, over
// time, and whether it leaks.
func memorySection(r *results.Result) section {
	s := section{title: "Memory", remark: remark(r)}
	m := r.Memory
	if m == nil {
		s.blocks = []block{absent(explained(r))}
		return s
	}
	s.blocks = append(s.blocks, memoryFacts(m))
	if a, ok := curveOf(m); ok {
		s.blocks = append(s.blocks, a)
	}
	if m.Baseline != nil && m.Final != nil {
		s.blocks = append(s.blocks, partsTable(m))
	}
	s.blocks = append(s.blocks, leakBlocks(m)...)
	s.blocks = append(s.blocks, originBlocks(m)...)
	s.blocks = append(s.blocks, massifBlocks(m.Massif)...)
	return s
}

func memoryFacts(m *results.Memory) facts {
	size := func(n int64) string { return bytesize(float64(n)) }
	final := say(size(m.RSSFinalBytes))
	switch grown := m.RSSFinalBytes - m.RSSBaselineBytes; {
	case grown > 0:
		final = final.with(" (+" + size(grown) + ")")
	case grown < 0:
		final = final.with(" (-" + size(-grown) + ")")
	}
	if m.SettleNs > 0 && !m.Settled {
		final = final.and(in(warned, ", still changing "+elapsed(m.SettleNs)+" after the load"))
	}
	list := facts{
		{"Baseline RSS:", say(size(m.RSSBaselineBytes))},
		{"Peak RSS:", in(strong, size(m.RSSPeakBytes)).with(peakNote(m))},
		{"Final RSS:", final},
	}
	if m.Leak != nil {
		list = append(list, fact{"Leak detected:", leakText(m.Leak)})
	}
	if m.FaultsPerRequest != nil {
		t := say(significant(*m.FaultsPerRequest) + " a request")
		if m.MajorFaults > 0 {
			t = t.and(in(warned, ", "+plural(m.MajorFaults, "of them")+" waited for a disk"))
		}
		list = append(list, fact{"Page faults:", t})
	}
	if v := m.Massif; v != nil {
		list = append(list, fact{"Heap peak:", in(strong, size(v.PeakBytes)).with(" and " + size(v.PeakExtraBytes) +
			" of the allocator’s, by massif, in " + plural(int64(len(v.Snapshots)), "snapshot"))})
	}
	if m.Source != "" {
		list = append(list, fact{"from", name(truncate(clean(m.Source), 60, "…"))})
	}
	return list
}

// peakNote says where the peak is from when not from a look, and that there was a
// higher one before.
func peakNote(m *results.Memory) string {
	note := ""
	if m.PeakSource != "" && m.PeakSource != m.Source {
		note = " (by " + clean(m.PeakSource) + ", between two looks)"
	}
	if m.EarlierPeak {
		note += "; it was at " + bytesize(float64(m.LifePeak)) + " before this run"
	}
	return note
}

// leakText is the verdict with its figure.
func leakText(l *results.Leak) text {
	switch l.Verdict {
	case results.LeakNone:
		t := in(good, "No")
		if l.Resolution != nil {
			t = t.with(" (above " + bytesize(*l.Resolution) + " per 1,000 requests it would have been seen)")
		}
		return t
	case results.LeakFound:
		t := in(bad, "Yes")
		if l.BytesPer1000 != nil && l.Interval != nil {
			t = t.with(", ").and(in(strong, bytesize(*l.BytesPer1000)+" per 1,000 requests")).
				with(" (95 % interval " + bytesize(l.Interval[0]) + " to " + bytesize(l.Interval[1]) + ")")
		}
		return t
	}
	return in(warned, "inconclusive").with(": " + l.Reason)
}

// curveOf is the drawn resident set.
func curveOf(m *results.Memory) (area, bool) {
	if len(m.Curve) < 3 {
		return area{}, false
	}
	a := area{label: bytesize}
	for _, p := range m.Curve {
		if n := len(a.times); n > 0 && p.AtNs <= a.times[n-1] {
			continue
		}
		a.times, a.values = append(a.times, p.AtNs), append(a.values, max(0, p.RSSBytes))
	}
	if len(a.times) < 3 {
		return area{}, false
	}
	last := m.Curve[len(m.Curve)-1]
	a.end = elapsed(last.AtNs)
	if last.Requests > 0 {
		a.end = plural(last.Requests, "request") + " in " + a.end
	}
	return a, true
}

// partsTable says what the resident set is made of.
func partsTable(m *results.Memory) table {
	t := table{columns: []col{{title: ""}, {title: "RSS", right: true}, {title: "PSS", right: true},
		{title: "anonymous", right: true}, {title: "files", right: true}}}
	for _, row := range []struct {
		name string
		of   *results.MemoryParts
	}{{"baseline", m.Baseline}, {"largest look", m.Largest}, {"final", m.Final}} {
		if p := row.of; p != nil {
			t.rows = append(t.rows, []text{say(row.name), say(bytesize(float64(p.RSSBytes))), say(bytesize(float64(p.PSSBytes))),
				say(bytesize(float64(p.AnonBytes))), say(bytesize(float64(p.FileBytes)))})
		}
	}
	return t
}

// leakBlocks say why the verdict is what it is, and who holds what leaks.
func leakBlocks(m *results.Memory) []block {
	l := m.Leak
	if l == nil || l.Verdict == results.LeakInconclusive {
		return nil
	}
	of := "the resident set"
	if l.View == "heap" {
		of = "live heap bytes"
	}
	blocks := []block{paragraph{note: true, text: say("Leak: by " + of + " over " + plural(l.Requests, "request") + ": " + clean(l.Reason) + ".")}}
	if len(l.Stacks) == 0 {
		return blocks
	}
	t := table{columns: []col{{title: "who holds what is never freed", flexible: true}, {title: "in", flexible: true, most: 18, dispensable: 1},
		{title: "per 1,000", right: true}, {title: "held", right: true}}}
	for i := range min(len(l.Stacks), leakRows) {
		k := &l.Stacks[i]
		t.rows = append(t.rows, []text{name(k.Function), name(k.Object), say(bytesize(k.BytesPer1000)), say(bytesize(float64(k.LiveBytes)))})
	}
	return append(blocks, t)
}

// originBlocks list who touches new memory and who asks the kernel for more.
func originBlocks(m *results.Memory) []block {
	var blocks []block
	for _, list := range []struct {
		title string
		all   []results.MemoryOrigin
		grows bool
	}{{"who touches new memory", m.Faults, false}, {"who asks the kernel for memory", m.Growth, true}} {
		if len(list.all) == 0 {
			continue
		}
		t := table{columns: []col{{title: list.title, flexible: true}, {title: "times", right: true}}}
		if list.grows {
			t.columns = append(t.columns, col{title: "by", flexible: true, most: 8}, col{title: "bytes", right: true})
		}
		for i := range min(len(list.all), originRows) {
			o := &list.all[i]
			row := []text{callPath(o.Frames), say(short(float64(o.Count)))}
			if list.grows {
				row = append(row, say(o.Kind), say(signedSize(o.Bytes)))
			}
			t.rows = append(t.rows, row)
		}
		blocks = append(blocks, t)
	}
	return blocks
}

func signedSize(n int64) string {
	if n > 0 {
		return "+" + bytesize(float64(n))
	}
	return bytesize(float64(n))
}

// allocating are the beginnings of the names of functions in which memory is taken
// and touched on behalf of whoever called them.
var allocating = []string{"brk", "__brk", "sbrk", "__sbrk", "__glibc_morecore", "sysmalloc", "systrim", "_int_",
	"malloc", "calloc", "realloc", "free", "cfree", "__libc_malloc", "__libc_calloc", "__libc_realloc", "__libc_free",
	"mmap", "__mmap", "munmap", "__munmap", "mremap", "__mremap", "tcache", "mem", "__mem", "str", "__str", "operator new", "operator delete"}

// callPath names a stack by a few frames: the allocator's outermost, and who called
// it.
func callPath(frames []string) text {
	for len(frames) > 1 && allocates(frames[0]) && allocates(frames[1]) {
		frames = frames[1:]
	}
	var t text
	for i := range min(len(frames), frameOfWhom) {
		if i > 0 {
			t = t.with(" ← ")
		}
		t = t.and(name(frames[i]))
	}
	if len(t) == 0 {
		return in(faint, "unknown")
	}
	return t
}

func allocates(function string) bool {
	return slices.ContainsFunc(allocating, func(begin string) bool { return strings.HasPrefix(function, begin) })
}

// massifBlocks draw the heap as massif saw it, and list who held it at its peak.
func massifBlocks(m *results.Massif) []block {
	if m == nil {
		return nil
	}
	var blocks []block
	a := area{label: bytesize, end: "heap by massif, in " + clean(m.TimeUnit)}
	for _, s := range m.Snapshots {
		if n := len(a.times); n > 0 && s.Time <= a.times[n-1] {
			continue
		}
		a.times, a.values = append(a.times, s.Time), append(a.values, max(0, s.HeapBytes))
	}
	if len(a.times) >= 3 {
		blocks = append(blocks, a)
	}
	if len(m.Sites) == 0 {
		return blocks
	}
	t := table{columns: []col{{title: "who held it at the peak", flexible: true}, {title: "held", right: true}}}
	for i := range min(len(m.Sites), originRows) {
		t.rows = append(t.rows, []text{name(m.Sites[i].Function), say(bytesize(float64(m.Sites[i].Bytes)))})
	}
	return append(blocks, t)
}
