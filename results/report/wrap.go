// SPDX-License-Identifier: Apache-2.0

package report

import "strings"

// wrap breaks settled text into lines of at most room cells, at spaces only;
// a word that is wider than a line is cut into pieces. No text gives one empty
// line.
func wrap(t text, room int) []text {
	var lines []text
	var line text
	used := 0
	for _, w := range words(t) {
		wide := cellsOf(w)
		if len(line) > 0 && used+1+wide <= room {
			line = append(line, span{" ", w[0].manner})
			line, used = append(line, w...), used+1+wide
			continue
		}
		if len(line) > 0 {
			lines, line, used = append(lines, line), nil, 0
		}
		for wide > room {
			var head text
			head, w = split(w, room)
			lines = append(lines, head)
			wide = cellsOf(w)
		}
		line, used = w, wide
	}
	if len(line) > 0 || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// words splits text at its spaces. A word may be of several spans.
func words(t text) []text {
	var out []text
	var word text
	for _, sp := range t {
		for i, piece := range strings.Split(sp.text, " ") {
			if i > 0 && len(word) > 0 {
				out, word = append(out, word), nil
			}
			if piece != "" {
				word = append(word, span{piece, sp.manner})
			}
		}
	}
	if len(word) > 0 {
		out = append(out, word)
	}
	return out
}

// split cuts a word after room cells.
func split(w text, room int) (head, tail text) {
	for i, sp := range w {
		wide := cells(sp.text)
		if wide <= room {
			head, room = append(head, sp), room-wide
			continue
		}
		cut := truncate(sp.text, room, "")
		if cut == "" && len(head) == 0 { // a wide character in one cell: keep going
			cut = string([]rune(sp.text)[:1])
		}
		if cut != "" {
			head = append(head, span{cut, sp.manner})
		}
		if rest := sp.text[len(cut):]; rest != "" {
			tail = append(tail, span{rest, sp.manner})
		}
		return head, append(tail, w[i+1:]...)
	}
	return head, nil
}
