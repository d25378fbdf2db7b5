// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"a plain name":     {"ipc_protocol_decode", "ipc_protocol_decode"},
		"other letters":    {"größe_データ", "größe_データ"},
		"escape sequence":  {"\x1b[2Jx", `\x1b[2Jx`},
		"line breaks":      {"a\nb\r\tc", `a\nb\r\tc`},
		"C1 control":       {"\u009b2J", `\u{9b}2J`},
		"no UTF-8":         {"a\xff\xfeb", `a\xff\xfeb`},
		"right to left":    {"a\u202eb", `a\u{202e}b`},
		"no width":         {"a\u200bb\ufeff", `a\u{200b}b\u{feff}`},
		"one accent":       {"e\u0301", "e\u0301"},
		"a heap of them":   {"e\u0301\u0301\u0301\u0301", "e\u0301\u0301\\u{301}\\u{301}"},
		"an accent alone":  {"\u0301", `\u{301}`},
		"a selector":       {"☺\ufe0f", `☺\u{fe0f}`},
		"a flag":           {"🇩🇪", `\u{1f1e9}\u{1f1ea}`},
		"line separator":   {"a\u2028b", `a\u{2028}b`},
		"private use":      {"\ue000", `\u{e000}`},
		"NUL":              {"a\x00", `a\x00`},
		"delete":           {"\x7f", `\x7f`},
		"unit stays whole": {"12\u00a0µs", "12\u00a0µs"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := clean(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in          string
		n           int
		end, behind string
	}{
		{"abc", 3, "abc", "abc"}, {"abcd", 3, "ab…", "…cd"}, {"漢字漢字", 5, "漢字…", "…漢字"},
		{"漢字漢字", 4, "漢…", "…字"}, {"abc", 1, "…", "…"}, {"abc", 0, "", ""}, {"", 0, "", ""},
	} {
		if got := truncate(c.in, c.n, "…"); got != c.end {
			t.Errorf("truncate(%q, %d) = %q, want %q", c.in, c.n, got, c.end)
		}
		if got := truncateFront(c.in, c.n, "…"); got != c.behind {
			t.Errorf("truncateFront(%q, %d) = %q, want %q", c.in, c.n, got, c.behind)
		}
	}
}

func hostileSeeds(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[31m\x1b]0;x\x07", "`a`|b\\|c", "<script>", "\xff\xfe", "e\u0301\u0301\u0301", "漢字\u202e",
		"👩‍👩‍👧", " x ", "1. x", "- x", "https://x.y www.x.y", "\u00a0", "````", "**__~~$$", "&amp;&#124;"} {
		f.Add(s)
	}
}

func FuzzClean(f *testing.F) {
	hostileSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) || clean(got) != got {
			t.Fatalf("%q became %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == 0x2028 || r == 0x2029 {
				t.Fatalf("%q keeps %#x", s, r)
			}
		}
		for _, r := range ascii(got) {
			if r > '~' && r != nbsp {
				t.Fatalf("%q keeps %#x in ASCII", s, r)
			}
		}
		for n := range 12 {
			if cut := truncate(got, n, "…"); cells(cut) > n {
				t.Fatalf("%q cut to %d fills %d", s, n, cells(cut))
			}
			if cut := truncateFront(got, n, "…"); cells(cut) > n {
				t.Fatalf("%q cut to %d fills %d", s, n, cells(cut))
			}
		}
	})
}

func FuzzWrap(f *testing.F) {
	hostileSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		words := strings.ReplaceAll(clean(s), " ", "")
		var back strings.Builder
		for _, line := range wrap(say(clean(s)), 7) {
			if n := cellsOf(line); n > 7 {
				t.Fatalf("%q gives a line of %d cells", s, n)
			}
			for _, sp := range line {
				back.WriteString(strings.ReplaceAll(sp.text, " ", ""))
			}
		}
		if back.String() != words {
			t.Fatalf("%q lost text: %q", s, back.String())
		}
	})
}
