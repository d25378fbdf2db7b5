// SPDX-License-Identifier: Apache-2.0

package report

import "strings"

// Style says for which terminal a text is laid out. The zero value is plain
// ASCII in 80 columns without colour.
type Style struct {
	Width   int  // columns; 0: 80. Taken as at least 64 and at most 100
	Colour  bool // use ANSI colours
	Unicode bool // use characters beyond ASCII: µs, bars, rules
}

// columns is the width to lay out for.
func (s Style) columns() int {
	if s.Width == 0 {
		return 80
	}
	return min(max(s.Width, 64), 100)
}

// fit makes one string safe for this terminal.
func (s Style) fit(text string) string {
	if s.Unicode {
		return clean(text)
	}
	return ascii(clean(text))
}

// settle makes every span of t safe for this terminal, so that cells tells its
// width.
func (s Style) settle(t text) text {
	out := make(text, len(t))
	for i, sp := range t {
		out[i] = span{s.fit(sp.text), sp.manner}
	}
	return out
}

// mark says that something was cut off.
func (s Style) mark() string { return s.fit("…") }

// paint wraps a string in the colour of its manner.
func (s Style) paint(text string, m manner) string {
	if !s.Colour || text == "" {
		return text
	}
	code := ""
	switch m {
	case strong:
		code = "1"
	case faint:
		code = "2"
	case good:
		code = "32"
	case warned:
		code = "33"
	case bad:
		code = "1;31"
	case foreign:
		code = "36"
	case drawn:
		code = "34"
	default:
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// line writes settled spans as one line no wider than the terminal.
func (s Style) line(t text) string {
	var b strings.Builder
	room := s.columns()
	for _, sp := range t {
		cut := truncate(sp.text, room, "")
		room -= cells(cut)
		b.WriteString(s.paint(strings.ReplaceAll(cut, string(nbsp), " "), sp.manner))
	}
	if !s.Colour {
		return strings.TrimRight(b.String(), " ")
	}
	return b.String()
}
