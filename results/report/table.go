// SPDX-License-Identifier: Apache-2.0

package report

import "strings"

// narrowest is the width to which a flexible column may be shortened before
// anything is left out for its sake.
const narrowest = 12

// grid is where a table's columns stand at a terminal.
type grid struct {
	columns []col
	widths  []int
	shown   []bool
	gap     int
}

// tableLines lays a table out: head, rows, and the total below a rule.
func tableLines(t table, s Style, room int) []text {
	g := measureGrid(t, s)
	g.squeeze(room)
	var out []text
	if hasTitles(t) {
		titles := make([]text, len(t.columns))
		for i, c := range t.columns {
			titles[i] = in(faint, c.title)
		}
		out = append(out, g.row(titles, 0, s))
	}
	for i, r := range t.rows {
		var permille int64
		if i < len(t.permille) {
			permille = t.permille[i]
		}
		out = append(out, g.row(r, permille, s))
	}
	if t.total != nil {
		rule := strings.Repeat(s.fit("─"), min(room, g.total(g.widths)))
		out = append(out, in(faint, rule), g.row(emphasised(t.total), 0, s))
	}
	return out
}

func hasTitles(t table) bool {
	for _, c := range t.columns {
		if c.title != "" {
			return true
		}
	}
	return false
}

// measureGrid gives every column the width that its widest cell asks for.
func measureGrid(t table, s Style) *grid {
	g := &grid{columns: t.columns, widths: make([]int, len(t.columns)), shown: make([]bool, len(t.columns)), gap: 2}
	for i, c := range t.columns {
		g.shown[i] = true
		g.widths[i] = max(cells(s.fit(c.title)), c.bar)
		for _, r := range append(t.rows[:len(t.rows):len(t.rows)], t.total) {
			if r != nil {
				g.widths[i] = max(g.widths[i], cellsOf(s.settle(r[i])))
			}
		}
		if c.most > 0 {
			g.widths[i] = min(g.widths[i], c.most)
		}
	}
	return g
}

// squeeze makes the grid fit: dispensable columns go first, then the gaps
// narrow, then flexible columns are shortened.
func (g *grid) squeeze(room int) {
	for g.total(g.widths) > room {
		cramped := g.total(g.least()) > room
		if i := g.mostDispensable(); cramped && i >= 0 {
			g.shown[i] = false
			continue
		}
		if cramped && g.gap > 1 {
			g.gap = 1
			continue
		}
		i := g.widestFlexible()
		if i < 0 {
			return
		}
		g.widths[i]--
	}
}

func (g *grid) total(widths []int) int {
	sum := -g.gap
	for i, w := range widths {
		if g.shown[i] {
			sum += w + g.gap
		}
	}
	return sum
}

// least are the widths with all flexible columns at their narrowest.
func (g *grid) least() []int {
	out := make([]int, len(g.widths))
	for i, w := range g.widths {
		out[i] = w
		if g.columns[i].flexible {
			out[i] = min(w, narrowest)
		}
	}
	return out
}

func (g *grid) mostDispensable() int {
	best := -1
	for i, c := range g.columns {
		if g.shown[i] && c.dispensable > 0 && (best < 0 || c.dispensable > g.columns[best].dispensable) {
			best = i
		}
	}
	return best
}

func (g *grid) widestFlexible() int {
	best := -1
	for i, c := range g.columns {
		if g.shown[i] && c.flexible && g.widths[i] > 4 && (best < 0 || g.widths[i] > g.widths[best]) {
			best = i
		}
	}
	return best
}

// row sets one row. Cells that are too wide are cut.
func (g *grid) row(r []text, permille int64, s Style) text {
	var line text
	for i, c := range g.columns {
		if !g.shown[i] {
			continue
		}
		if len(line) > 0 {
			line = append(line, span{strings.Repeat(" ", g.gap), plain})
		}
		cell := cutCell(s.settle(r[i]), g.widths[i], s)
		if c.bar > 0 {
			cell = in(drawn, stroke(permille, 1000, g.widths[i], s.Unicode))
		}
		pad := span{strings.Repeat(" ", g.widths[i]-cellsOf(cell)), plain}
		if c.right {
			line = append(append(line, pad), cell...)
		} else {
			line = append(append(line, cell...), pad)
		}
	}
	return line
}

// cutCell shortens settled text to width cells.
func cutCell(cell text, width int, s Style) text {
	if cellsOf(cell) <= width {
		return cell
	}
	var out text
	room := width
	for _, sp := range cell {
		cut := truncate(sp.text, room, s.mark())
		out, room = append(out, span{cut, sp.manner}), room-cells(cut)
		if cut != sp.text {
			break
		}
	}
	return out
}

// emphasised makes the plain parts of a row strong.
func emphasised(r []text) []text {
	out := make([]text, len(r))
	for i, t := range r {
		out[i] = make(text, len(t))
		for j, sp := range t {
			if sp.manner == plain {
				sp.manner = strong
			}
			out[i][j] = sp
		}
	}
	return out
}
