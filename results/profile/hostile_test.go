// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

// hostileNames are what a target may call its functions and files.
var hostileNames = []string{
	"\x1b[2J\x1b]0;owned\x07\u009b2J\x00\r\x7f", "a\nb 7\nmain;x 9", "a;b;c 5", "<script>alert(1)</script>",
	"safe\u202ecod\u2028\u200b", "\xff\xfe", strings.Repeat("A", 9000),
}

// checkNoControl fails where a name would act on the terminal that pprof, or a
// flame graph's script, prints it on.
func checkNoControl(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar {
			t.Errorf("%s holds %#x: %.60q", what, r, text)
			return
		}
	}
}

func TestNoNameBreaksAProfile(t *testing.T) {
	for _, name := range hostileNames {
		stacks := []results.Stack{{Samples: 3, Frames: []results.Frame{
			{Function: name, Object: name, Address: 7, Offset: 5, File: name, Line: 3},
			{Function: name, Object: "[kernel]", Address: 9, Kernel: true},
			{Function: "main", Object: name, Address: 11},
		}}}
		var file, lines bytes.Buffer
		if err := Write(&file, fuzzed(stacks)); err != nil {
			t.Fatal(err)
		}
		p, err := profile.Parse(&file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.Function {
			checkNoControl(t, "a function", f.Name)
			checkNoControl(t, "a system name", f.SystemName)
			checkNoControl(t, "a file", f.Filename)
		}
		for _, m := range p.Mapping {
			checkNoControl(t, "a mapping", m.File)
		}
		if err := Folded(&lines, stacks); err != nil {
			t.Fatal(err)
		}
		line, more, _ := strings.Cut(lines.String(), "\n")
		path, count := line[:strings.LastIndexByte(line, ' ')], line[strings.LastIndexByte(line, ' ')+1:]
		if n, err := strconv.Atoi(count); more != "" || err != nil || n != 3 || strings.Count(path, ";") != 2 {
			t.Errorf("folded: %q", lines.String())
		}
		checkNoControl(t, "a folded line", line)
	}
}
