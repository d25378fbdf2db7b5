// SPDX-License-Identifier: Apache-2.0

package report

import (
	"html/template"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report/page"
)

// HTML writes report.html: the sections of Text as one file that needs no
// network, with the charts that m has the data for. The errors are those of
// page.Write.
func HTML(w io.Writer, r *results.Result, m *Material) error {
	p := &page.Page{Title: "ipcprobe report", Subject: subjectLine(r), State: page.State{Word: "valid", Good: true}, Links: m.Links}
	if r.Run.Name != "" {
		p.Title = clean(r.Run.Name) + " – ipcprobe"
	}
	if !r.Valid {
		p.State = page.State{Word: "invalid"}
	}
	p.Sections = pageSections(compose(r))
	for i := range p.Sections {
		s := &p.Sections[i]
		if withheld(r) {
			continue // an invalid measurement gives no figures to look at
		}
		s.Figures = figuresOf(s.Title, r, m)
	}
	return page.Write(w, p)
}

// ComparisonHTML writes the page of a comparison, with the flame graph of what
// changed between the CPU profiles of both where they are there. The errors are
// those of page.Write.
func ComparisonHTML(w io.Writer, c *results.Comparison, a, b *profile.Profile) error {
	p := &page.Page{Title: clean(c.B.Name) + " against " + clean(c.A.Name) + " – ipcprobe",
		Subject: "Linux " + clean(c.Environment.Kernel), State: page.State{Word: "valid", Good: true}}
	if !c.Valid {
		p.State = page.State{Word: "invalid"}
	}
	p.Sections = pageSections(composeComparison(c))
	if a != nil && b != nil && len(p.Sections) > 0 {
		if flame := page.DiffOf(a, b, sampleTypeOf(b)); flame != nil {
			last := &p.Sections[0]
			for i := range p.Sections {
				if p.Sections[i].Title == whySection(c).title {
					last = &p.Sections[i]
				}
			}
			last.Figures = []page.Figure{{ID: "diff-flame", Flame: flame,
				Caption: "On-CPU time of the second by call path; red has a larger share than in the first, blue a smaller one"}}
		}
	}
	return page.Write(w, p)
}

// subjectLine says what was measured, where and when.
func subjectLine(r *results.Result) string {
	parts := []string{r.Target.Executable, r.Target.Socket, "Linux " + r.Environment.Kernel, r.Run.StartedAt}
	var known []string
	for _, s := range parts {
		if s != "" && s != "Linux " {
			known = append(known, clean(s))
		}
	}
	return strings.Join(known, " · ")
}

// pageSections sets a document as the sections of a page.
func pageSections(d document) []page.Section {
	out := make([]page.Section, len(d.sections))
	for i, sec := range d.sections {
		var body strings.Builder
		for _, b := range sec.blocks {
			htmlBlock(&body, b)
		}
		out[i] = page.Section{ID: slug(sec.title), Title: sec.title, Remark: clean(sec.remark), Body: template.HTML(body.String())}
	}
	return out
}

// slug makes an anchor of a title: its words in small letters.
func slug(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '’' })
	return strings.ReplaceAll(strings.Join(words, "-"), "’", "")
}

func htmlBlock(w *strings.Builder, b block) {
	switch b := b.(type) {
	case paragraph:
		class := ""
		if b.note {
			class = ` class="note"`
		}
		w.WriteString("<p" + class + ">" + htmlText(b.text) + "</p>\n")
	case facts:
		w.WriteString("<dl>\n")
		for _, f := range b {
			w.WriteString("<dt>" + htmlText(say(strings.TrimSuffix(f.label, ":"))) + "</dt><dd>" + htmlText(f.text) + "</dd>\n")
		}
		w.WriteString("</dl>\n")
	case items:
		w.WriteString("<ul>\n")
		for _, t := range b {
			w.WriteString("<li>" + htmlText(t) + "</li>\n")
		}
		w.WriteString("</ul>\n")
	case table:
		htmlTable(w, b)
	case bars:
		htmlBars(w, b)
	}
}

// htmlTable sets a table; its bars are as long as their share of the longest.
func htmlTable(w *strings.Builder, t table) {
	w.WriteString(`<div class="scroll"><table><thead><tr>`)
	for _, c := range t.columns {
		w.WriteString(cell("th", c, htmlText(say(strings.TrimSpace(c.title)))))
	}
	w.WriteString("</tr></thead><tbody>\n")
	var longest int64
	for _, p := range t.permille {
		longest = max(longest, p)
	}
	for i, r := range t.rows {
		w.WriteString("<tr>")
		for j, c := range t.columns {
			switch {
			case c.bar == 0:
				w.WriteString(cell("td", c, htmlText(r[j])))
			case i < len(t.permille) && t.permille[i] > 0:
				w.WriteString(`<td class="drawn">` + drawnStroke(t.permille[i], longest) + "</td>")
			default:
				w.WriteString(`<td class="drawn"></td>`)
			}
		}
		w.WriteString("</tr>\n")
	}
	if t.total != nil {
		w.WriteString(`<tr class="total">`)
		for j, c := range t.columns {
			w.WriteString(cell("td", c, htmlText(t.total[j])))
		}
		w.WriteString("</tr>\n")
	}
	w.WriteString("</tbody></table></div>\n")
}

func cell(tag string, c col, content string) string {
	if c.right {
		return "<" + tag + ` class="right">` + content + "</" + tag + ">"
	}
	return "<" + tag + ">" + content + "</" + tag + ">"
}

func drawnStroke(value, longest int64) string {
	pct := strconv.FormatFloat(100*float64(value)/float64(max(longest, 1)), 'f', 1, 64)
	return `<span class="stroke" style="width:` + pct + `%"></span>`
}

// htmlBars sets a histogram as a table with drawn bars.
func htmlBars(w *strings.Builder, list bars) {
	var largest int64
	for _, b := range list {
		largest = max(largest, b.count)
	}
	w.WriteString(`<div class="scroll"><table class="histogram"><tbody>` + "\n")
	for _, b := range list {
		w.WriteString(`<tr><td class="right">` + htmlText(say(b.from+" – "+b.to)) + `</td><td class="drawn">`)
		if b.count > 0 {
			w.WriteString(drawnStroke(b.count, largest))
		}
		w.WriteString(`</td><td class="right">` + htmlText(say(short(float64(b.count)))) + `</td><td class="right">` +
			htmlText(say(b.share)) + `</td><td>` + htmlText(in(strong, b.marks)) + "</td></tr>\n")
	}
	w.WriteString("</tbody></table></div>\n")
}

// htmlText sets text inline; what is foreign is cleaned and set as code.
func htmlText(t text) string {
	var s strings.Builder
	for _, sp := range t {
		if sp.text == "" {
			continue
		}
		words := template.HTMLEscapeString(clean(sp.text))
		switch sp.manner {
		case foreign:
			s.WriteString("<code>" + template.HTMLEscapeString(truncate(clean(sp.text), longest, "…")) + "</code>")
		case strong:
			s.WriteString("<strong>" + words + "</strong>")
		case faint:
			s.WriteString(`<span class="faint">` + words + "</span>")
		case good:
			s.WriteString(`<span class="good">` + words + "</span>")
		case warned:
			s.WriteString(`<span class="warned">` + words + "</span>")
		case bad:
			s.WriteString(`<strong class="bad">` + words + "</strong>")
		default:
			s.WriteString(words)
		}
	}
	return s.String()
}
