// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// nbsp joins a number and its unit: it is never a place to break a line, and
// becomes an ordinary space when a line is written.
const nbsp = '\u00a0'

// clean makes s fit to stand anywhere in a line: control characters, escape
// sequences, bytes that are no UTF-8, line breaks, marks that change the writing
// direction and other characters without a shape become visible escapes such as
// \x1b or \u{202e}. What is left has a known width.
func clean(s string) string {
	if isCalm(s) {
		return s
	}
	var b strings.Builder
	marks := 0     // combining marks since the last character with a width
	based := false // that character can carry a mark
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		combining := unicode.In(r, unicode.Mn, unicode.Me)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			marks = 0
		case r == '\n':
			b.WriteString(`\n`)
			marks = 0
		case r == '\r':
			b.WriteString(`\r`)
			marks = 0
		case r == '\t':
			b.WriteString(`\t`)
			marks = 0
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
			marks = 0
		case combining && based && marks < 2 && !isSelector(r):
			b.WriteRune(r)
			marks++
		case r == nbsp || !combining && hasShape(r):
			b.WriteRune(r)
			marks = 0
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
			if !combining {
				marks = 0
			}
		}
		based = combining && based || !combining && hasShape(r) && r != ' '
		i += size
	}
	return b.String()
}

// isCalm reports whether s is printable ASCII, which nearly every name is.
func isCalm(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// hasShape reports whether r is drawn, in a number of cells on which terminals
// agree.
func hasShape(r rune) bool {
	switch {
	case r >= 0x1160 && r <= 0x11ff: // Hangul letters that join the one before
		return false
	case r >= 0x1f1e6 && r <= 0x1f1ff: // letters that pair up into flags
		return false
	case r >= 0x1f3fb && r <= 0x1f3ff: // skin tones
		return false
	case unicode.Is(unicode.Mc, r):
		return false
	}
	return unicode.IsPrint(r)
}

// isSelector reports whether r changes the width of the character before it.
func isSelector(r rune) bool {
	return r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef
}

// ascii replaces the few characters beyond ASCII that this package's own
// wording uses, and escapes all others.
func ascii(s string) string {
	if isCalm(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == nbsp:
			b.WriteRune(r)
		case r <= '~':
			b.WriteRune(r)
		case substitutes[r] != "":
			b.WriteString(substitutes[r])
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

var substitutes = map[rune]string{
	'µ': "u", '–': "-", '—': "-", '−': "-", '×': "x", '→': "->", '←': "<-",
	'…': "...", '≤': "<=", '≥': ">=", '·': "|", '─': "-", '━': "=", '│': "|",
	'•': "*", '✓': "ok", '✗': "x", '’': "'", '█': "#",
}

// cells is the number of terminal cells that a cleaned string fills.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// truncate shortens a cleaned string to at most n cells, the last of which is
// the mark that something is missing.
func truncate(s string, n int, mark string) string {
	if cells(s) <= n {
		return s
	}
	room := n - cells(mark)
	if room < 0 {
		mark, room = "", n
	}
	used := 0
	for i, r := range s {
		if used+runeCells(r) > room {
			return s[:i] + mark
		}
		used += runeCells(r)
	}
	return s
}

// truncateFront shortens like truncate but keeps the end, which tells more of
// a path.
func truncateFront(s string, n int, mark string) string {
	if cells(s) <= n {
		return s
	}
	room := n - cells(mark)
	if room < 0 {
		return truncate(s, n, mark)
	}
	used := 0
	for i := len(s); i > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		if used+runeCells(r) > room {
			return mark + s[i:]
		}
		used += runeCells(r)
		i -= size
	}
	return s
}
