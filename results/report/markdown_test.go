// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestCodeHoldsAnyName(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":        {"ipc_protocol_decode", "`ipc_protocol_decode`"},
		"template":     {"f<int>(a&)", "`f<int>(a&)`"},
		"pipe":         {"a|b", "<code>a&#124;b</code>"},
		"backtick":     {"a`b", "<code>a&#96;b</code>"},
		"backslash":    {`a\b`, "<code>a&#92;b</code>"},
		"space around": {" a ", "<code>&#32;a&#32;</code>"},
		"nothing":      {"", "<code></code>"},
		"markup":       {"`<b>*x*</b>", "<code>&#96;&#60;b&#62;&#42;x&#42;&#60;&#47;b&#62;</code>"},
		"too long":     {strings.Repeat("x", 200), "`" + strings.Repeat("x", 159) + "…`"},
	} {
		if got := code(c.in); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestEscapeAndGuard(t *testing.T) {
	for in, want := range map[string]string{
		"plain, 99 % words.": "plain, 99 % words.",
		"*a* _b_ `c`":        "\\*a\\* \\_b\\_ \\`c\\`",
		"<b>&amp;":           `\<b\>\&amp;`,
		"[a](b) ![c]":        `\[a\](b) \!\[c\]`,
		"a|b \\":             `a\|b \\`,
		"1. list":            `1\. list`,
		"12) list":           `12\) list`,
		"- list":             `\- list`,
		"+ list":             `\+ list`,
		"=== rule":           `\=== rule`,
		"# heading":          `\# heading`,
		"    code":           "code",
		"https://a.b":        `https\://a.b`,
		"WWW.a.b":            `WWW\.a.b`,
		"41,300 requests":    "41,300 requests",
	} {
		if got := guard(escape(in)); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

var (
	tag   = regexp.MustCompile(`</?(code|sub)>`)
	quote = regexp.MustCompile("`[^`]*`")
	loose = regexp.MustCompile(`(^|[^\\])[<*_]`)
	pipe  = regexp.MustCompile(`(^|[^\\])\|`)
)

// checkMarkdown fails where a rendered document holds HTML that isn't ours, a
// table whose rows differ in their cells, or a heading that isn't ours.
func checkMarkdown(t *testing.T, doc string, sections int) {
	t.Helper()
	headings, cellsOfTable, fenced := 0, 0, false
	for i, line := range strings.Split(doc, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if clean(line) != line {
			t.Errorf("line %d holds what acts on a terminal: %q", i+1, line)
		}
		if fenced {
			continue
		}
		if strings.HasPrefix(line, "#") {
			headings++
		}
		bare := quote.ReplaceAllString(tag.ReplaceAllString(line, ""), "")
		if found := loose.FindString(strings.ReplaceAll(bare, "**", "")); found != "" {
			t.Errorf("line %d holds loose markup %q: %s", i+1, found, line)
		}
		if !strings.HasPrefix(line, "|") {
			cellsOfTable = 0
			continue
		}
		n := len(pipe.FindAllString(line, -1))
		if cellsOfTable != 0 && n != cellsOfTable {
			t.Errorf("line %d has %d bars, the head %d: %s", i+1, n, cellsOfTable, line)
		}
		cellsOfTable = n
	}
	if headings != 1+sections {
		t.Errorf("%d headings", headings)
	}
}

func TestMarkdownHoldsNoMarkupOfTheTarget(t *testing.T) {
	for _, specimen := range specimens {
		t.Run(specimen.name, func(t *testing.T) {
			var buf bytes.Buffer
			r := specimen.make()
			if err := Markdown(&buf, r); err != nil {
				t.Fatal(err)
			}
			checkMarkdown(t, buf.String(), len(compose(r).sections))
		})
	}
}

func FuzzMarkdown(f *testing.F) {
	hostileSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		r := &results.Result{Valid: true}
		r.Target.Executable, r.Target.Socket, r.Target.Protocol, r.Target.Ended = s, s, s, s
		r.Warnings = []string{s}
		r.Syscalls = []results.Syscall{{Name: s, Errors: map[string]int64{s: 1}}}
		var buf bytes.Buffer
		if err := Markdown(&buf, r); err != nil {
			t.Fatal(err)
		}
		checkMarkdown(t, buf.String(), 10)
		checkText(t, r, Style{Unicode: true})
	})
}
