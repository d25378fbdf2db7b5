// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"io"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// Text writes the report for a terminal. The error is the writer's.
func Text(w io.Writer, r *results.Result, s Style) error {
	return layText(w, compose(r), s)
}

// layText lays a document out in lines.
func layText(w io.Writer, d document, s Style) error {
	out := bufio.NewWriter(w)
	for i, sec := range d.sections {
		if i > 0 {
			out.WriteByte('\n')
		}
		for _, l := range sectionLines(sec, s) {
			out.WriteString(s.line(l))
			out.WriteByte('\n')
		}
	}
	return out.Flush()
}

// sectionLines are the settled lines of a section, its title first.
func sectionLines(sec section, s Style) []text {
	lines := []text{heading(sec, s)}
	for i, b := range sec.blocks {
		note := false
		if p, ok := b.(paragraph); ok {
			note = p.note
		}
		if i > 0 && !note {
			lines = append(lines, nil)
		}
		for _, l := range blockLines(b, s) {
			lines = append(lines, append(text{{"  ", plain}}, l...))
		}
	}
	return lines
}

// heading is a title with a rule to the edge.
func heading(sec section, s Style) text {
	t := s.settle(in(strong, sec.title))
	if sec.remark != "" {
		t = append(t, s.settle(text{{" – ", faint}, {sec.remark, warned}})...)
	}
	rule := s.columns() - cellsOf(t) - 1
	if rule < 2 {
		return t
	}
	return append(t, span{" " + strings.Repeat(s.fit("─"), rule), faint})
}

func cellsOf(t text) int {
	n := 0
	for _, sp := range t {
		n += cells(sp.text)
	}
	return n
}

// blockLines lays one block out in settled lines that fit the columns left of
// the indentation.
func blockLines(b block, s Style) []text {
	room := s.columns() - 2
	switch b := b.(type) {
	case paragraph:
		t := b.text
		if b.note {
			t = faded(t)
		}
		return wrap(s.settle(t), room)
	case facts:
		return factLines(b, s, room)
	case items:
		return itemLines(b, s, room)
	case table:
		return tableLines(b, s, room)
	case bars:
		return barLines(b, s, room)
	case area:
		return areaLines(b, s, room)
	}
	return nil
}

// faded makes the plain parts of a note faint.
func faded(t text) text {
	out := make(text, len(t))
	for i, sp := range t {
		if sp.manner == plain {
			sp.manner = faint
		}
		out[i] = sp
	}
	return out
}

func factLines(list facts, s Style, room int) []text {
	label := 0
	for _, f := range list {
		label = max(label, cells(s.fit(f.label)))
	}
	var out []text
	for _, f := range list {
		first := s.fit(f.label)
		first += strings.Repeat(" ", label-cells(first)+2)
		out = append(out, hang(span{first, faint}, wrap(s.settle(f.text), room-label-2))...)
	}
	return out
}

func itemLines(list items, s Style, room int) []text {
	var out []text
	for _, t := range list {
		out = append(out, hang(span{s.fit("•") + " ", faint}, wrap(s.settle(t), room-2))...)
	}
	return out
}

// hang sets first before the first line and as much space before the others.
func hang(first span, lines []text) []text {
	blank := span{strings.Repeat(" ", cells(first.text)), plain}
	out := make([]text, len(lines))
	for i, l := range lines {
		lead := blank
		if i == 0 {
			lead = first
		}
		out[i] = append(text{lead}, l...)
	}
	return out
}

// barLines draws a histogram: range, bar, count, share, percentiles.
func barLines(list bars, s Style, room int) []text {
	var largest int64
	var from, to, counts, marks int
	for _, b := range list {
		largest = max(largest, b.count)
		from, to = max(from, cells(s.fit(b.from))), max(to, cells(s.fit(b.to)))
		counts, marks = max(counts, cells(short(float64(b.count)))), max(marks, cells(b.marks))
	}
	const shares = 8
	dashes := s.fit(" – ")
	width := max(8, room-from-cells(dashes)-to-2-2-counts-shares-2-marks)
	out := make([]text, len(list))
	for i, b := range list {
		drawnBar := stroke(b.count, largest, width, s.Unicode)
		out[i] = text{
			{left(s.fit(b.from), from) + dashes + left(s.fit(b.to), to) + "  ", plain},
			{drawnBar + strings.Repeat(" ", width-cells(drawnBar)) + "  ", drawn},
			{left(short(float64(b.count)), counts) + left(s.fit(b.share), shares) + "  ", plain},
			{b.marks, strong},
		}
	}
	return out
}

// left pads s on its left to n cells.
func left(s string, n int) string { return strings.Repeat(" ", max(0, n-cells(s))) + s }

// right pads s on its right to n cells.
func right(s string, n int) string { return s + strings.Repeat(" ", max(0, n-cells(s))) }
