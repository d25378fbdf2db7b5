// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// longest is the number of cells of a name beyond which Markdown cuts it.
const longest = 160

// Markdown writes the report as report.md: GitHub's Markdown, in the order of
// Text, with everything that the target named set as code and escaped. The
// error is the writer's.
func Markdown(w io.Writer, r *results.Result) error {
	return layMarkdown(w, say("ipcprobe report"), compose(r))
}

// layMarkdown lays a document out as Markdown.
func layMarkdown(w io.Writer, title text, d document) error {
	out := bufio.NewWriter(w)
	out.WriteString("# " + markup(title) + "\n")
	for _, sec := range d.sections {
		out.WriteString("\n## " + markup(say(sec.title)))
		if sec.remark != "" {
			out.WriteString(" – " + markup(say(sec.remark)))
		}
		out.WriteByte('\n')
		for _, b := range sec.blocks {
			out.WriteByte('\n')
			out.WriteString(markdownBlock(b))
		}
	}
	return out.Flush()
}

func markdownBlock(b block) string {
	switch b := b.(type) {
	case paragraph:
		if b.note {
			return "<sub>" + markup(b.text) + "</sub>\n"
		}
		return guard(markup(b.text)) + "\n"
	case facts:
		return markdownFacts(b)
	case items:
		var s strings.Builder
		for _, t := range b {
			s.WriteString("- " + guard(markup(t)) + "\n")
		}
		return s.String()
	case table:
		return markdownTable(b)
	case bars:
		style := Style{Unicode: true}
		return markdownDrawing(barLines(b, style, style.columns()), style)
	case area:
		style := Style{Unicode: true}
		return markdownDrawing(areaLines(b, style, style.columns()), style)
	}
	return ""
}

// markdownFacts sets facts as a list.
func markdownFacts(list facts) string {
	var s strings.Builder
	for _, f := range list {
		s.WriteString("- " + markup(say(strings.TrimSuffix(f.label, ":"))) + ": " + markup(f.text) + "\n")
	}
	return s.String()
}

func markdownTable(t table) string {
	var s strings.Builder
	var rule strings.Builder
	for _, c := range t.columns {
		if c.bar > 0 {
			continue
		}
		s.WriteString("| " + markup(say(strings.TrimSpace(c.title))) + " ")
		if c.right {
			rule.WriteString("| ---: ")
		} else {
			rule.WriteString("| --- ")
		}
	}
	s.WriteString("|\n" + rule.String() + "|\n")
	rows := t.rows
	if t.total != nil {
		rows = append(rows[:len(rows):len(rows)], emphasised(t.total))
	}
	for _, r := range rows {
		for i, c := range t.columns {
			if c.bar == 0 {
				s.WriteString("| " + markup(r[i]) + " ")
			}
		}
		s.WriteString("|\n")
	}
	return s.String()
}

// markdownDrawing sets a drawing as a block of code; no name is in it.
func markdownDrawing(lines []text, style Style) string {
	var s strings.Builder
	s.WriteString("```text\n")
	for _, t := range lines {
		s.WriteString(style.line(t) + "\n")
	}
	s.WriteString("```\n")
	return s.String()
}

// markup sets text inline.
func markup(t text) string {
	var s strings.Builder
	for _, sp := range t {
		if sp.text == "" {
			continue
		}
		switch words := strings.ReplaceAll(clean(sp.text), string(nbsp), " "); sp.manner {
		case foreign:
			s.WriteString(code(words))
		case strong, bad:
			s.WriteString("**" + escape(words) + "**")
		default:
			s.WriteString(escape(words))
		}
	}
	return s.String()
}

// code sets a cleaned name as code. A name with a character that could end the
// code or a table's cell has its punctuation written as character references,
// which every renderer takes for plain characters.
func code(s string) string {
	s = truncate(s, longest, "…")
	if !strings.ContainsAny(s, "`|\\\n") && strings.TrimSpace(s) == s && s != "" {
		return "`" + s + "`"
	}
	var b strings.Builder
	b.WriteString("<code>")
	for i, r := range s {
		edge := i == 0 || i == len(s)-1
		switch {
		case r == ' ' && edge:
			b.WriteString("&#32;")
		case r > '~' || r == ' ' || isLetterOrDigit(r):
			b.WriteRune(r)
		default:
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		}
	}
	b.WriteString("</code>")
	return b.String()
}

func isLetterOrDigit(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// escape makes cleaned text stand for itself in running Markdown and in the
// cells of tables.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '#', '$', '&', '!':
			b.WriteByte('\\')
		case ':':
			if strings.HasPrefix(s[i:], "://") {
				b.WriteByte('\\')
			}
		case '.':
			if i >= 3 && strings.EqualFold(s[i-3:i], "www") {
				b.WriteByte('\\')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// guard keeps the first characters of a line from being read as a list, a
// heading or a rule.
func guard(s string) string {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	switch {
	case s == "":
		return s
	case digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')'):
		return s[:digits] + `\` + s[digits:]
	case s[0] == '-' || s[0] == '+' || s[0] == '=':
		return `\` + s
	case s[0] == ' ':
		return strings.TrimLeft(s, " ")
	}
	return s
}
