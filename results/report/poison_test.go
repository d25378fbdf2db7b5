// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

// poisons are what a target may call its threads, files, functions and sockets:
// each tries to end what it stands in, or to act on what shows it.
var poisons = []string{
	"\x1b[2J\x1b]0;owned\x07\x9b31m\u009b2J\x00\x08\r",
	"x\n# Fake heading\n- item\n| a | b |\n```\n<img src=x onerror=alert(1)>\n",
	`</script><script>alert(1)</script><!--]]>"'><img src=x onerror=alert(1)>`,
	"`a`|b\\|**c** [d](javascript:alert(1)) ![e](http://f/g) &lt;script&gt;",
	`","injected":true,"x":"\u0000`,
	"safe\u202ecod.exe\u2066\u200b\ufeff\u2028\u2029",
	"BenchmarkOwned 1 5 ns/op\nBenchmarkOwned-2 1 5 ns/op",
	strings.Repeat("A", 5000) + "\xff\xfe",
}

// poisoned puts s into every string of a value, also the keys of its maps.
func poisoned(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			poisoned(v.Elem(), s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				poisoned(v.Field(i), s)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			poisoned(v.Index(i), s)
		}
	case reflect.Map:
		if v.Len() == 0 || v.Type().Key().Kind() != reflect.String {
			return
		}
		value := v.MapIndex(v.MapKeys()[0])
		v.Clear()
		v.SetMapIndex(reflect.ValueOf(s).Convert(v.Type().Key()), value)
	case reflect.String:
		if v.CanSet() {
			v.SetString(s)
		}
	}
}

// checkTame fails where a text would act on a terminal.
func checkTame(t *testing.T, what, text string) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		if clean(line) != line {
			t.Fatalf("%s, line %d: acts on a terminal: %q", what, i+1, line)
		}
	}
}

func written(t *testing.T, what string, write func(io.Writer) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return out.String()
}

// checkPage fails where a name stands as markup in a page.
func checkPage(t *testing.T, what, page string) {
	t.Helper()
	for _, markup := range []string{"<img src=x", "<script>alert", `"'>`, "\x1b", "\x00", "\u2028"} {
		if strings.Contains(page, markup) {
			t.Errorf("%s: %q stands in it as markup", what, markup)
		}
	}
}

// checkJSON fails where a document is not what was to be written, or acts on the
// terminal that it is printed on.
func checkJSON(t *testing.T, what, text string) {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Errorf("%s is no JSON", what)
	}
	checkTame(t, what, strings.ReplaceAll(text, "\t", " "))
	if strings.Contains(text, `"injected":true`) {
		t.Errorf("%s: a name added a key", what)
	}
}

// TestNoNameBreaksAReport puts each poison into every string there is, also
// those that only ipcprobe writes: a stored result may be made up.
func TestNoNameBreaksAReport(t *testing.T) {
	for _, s := range specimens {
		for i, poison := range poisons {
			r := s.make()
			poisoned(reflect.ValueOf(r), poison)
			what := s.name + " " + string(rune('0'+i))
			checkTame(t, what+" text", written(t, what, func(w io.Writer) error { return Text(w, r, Style{Unicode: true}) }))
			checkMarkdown(t, written(t, what, func(w io.Writer) error { return Markdown(w, r) }), len(compose(r).sections))
			checkJSON(t, what+" JSON", written(t, what, func(w io.Writer) error { return JSON(w, r) }))
			page := written(t, what, func(w io.Writer) error { return HTML(w, r, &Material{CPU: named(poison), Heap: named(poison)}) })
			checkPage(t, what+" HTML", page)
			if strings.Contains(poison, "alert(1)") && !strings.Contains(page, "alert(1)") {
				t.Errorf("%s HTML: the names are not in it, so nothing was tried", what)
			}
		}
	}
}

func TestNoNameBreaksAComparison(t *testing.T) {
	for _, make := range []func() *results.Comparison{duelled, forced, spoiled} {
		for _, poison := range poisons {
			c := make()
			evidence := c.Evidence // never read from a file: ipcprobe's own word
			poisoned(reflect.ValueOf(c), poison)
			c.Evidence = evidence
			checkTame(t, "text", written(t, "text", func(w io.Writer) error { return ComparisonText(w, c, Style{Unicode: true}) }))
			checkTame(t, "Markdown", written(t, "Markdown", func(w io.Writer) error { return ComparisonMarkdown(w, c) }))
			checkJSON(t, "JSON", written(t, "JSON", func(w io.Writer) error { return ComparisonJSON(w, c) }))
			checkPage(t, "HTML", written(t, "HTML", func(w io.Writer) error { return ComparisonHTML(w, c, named(poison), named(poison)) }))
			bench := written(t, "bench.txt", func(w io.Writer) error { return Bench(w, c) })
			checkTame(t, "bench.txt", bench)
			checkBench(t, bench)
		}
	}
}

// checkBench fails where a line is not of the format: a name made one, or its
// blanks made more fields of a measurement.
func checkBench(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, _, configuration := strings.Cut(line, ": ")
		switch fields := strings.Fields(line); {
		case line == "", configuration && strings.ToLower(key) == key && !strings.Contains(key, " "):
		case !strings.HasPrefix(line, "BenchmarkRequest/build="):
			t.Errorf("bench.txt: a line that is none of ours: %.80q", line)
		case len(fields)%2 != 0:
			t.Errorf("bench.txt: %d fields, want a name, a count and pairs: %.200q", len(fields), line)
		}
	}
}

// named is a profile whose every name is s.
func named(s string) *profile.Profile {
	mapping := &profile.Mapping{ID: 1, File: s}
	function := &profile.Function{ID: 1, Name: s, SystemName: s, Filename: s}
	location := &profile.Location{ID: 1, Mapping: mapping, Line: []profile.Line{{Function: function, Line: 1}}}
	return &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		Sample: []*profile.Sample{{Location: []*profile.Location{location, location}, Value: []int64{3, 5},
			Label: map[string][]string{bandLabel: {s}}}},
		Mapping: []*profile.Mapping{mapping}, Function: []*profile.Function{function}, Location: []*profile.Location{location},
	}
}
