// SPDX-License-Identifier: Apache-2.0

package massif

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/ipcprobe/ipcprobe/results"
)

// TestNoNameBreaksTheCurve holds that the names of a target's functions and its
// command line can't add a line that Massif's readers take for one of the format.
func TestNoNameBreaksTheCurve(t *testing.T) {
	plain := curveOf(t, "leak", "server")
	for _, name := range []string{
		"x\n#-----------\nsnapshot=99\n#-----------\ntime=1\nmem_heap_B=999999999\n", "\x1b[2J\x00\u009b\r", "n9: 5 0x1: y",
		"safe\u202ecod\u2028", "\xff", strings.Repeat("A", 9000),
	} {
		got := curveOf(t, name, name)
		if a, b := strings.Count(got, "\n"), strings.Count(plain, "\n"); a != b {
			t.Errorf("%q: %d lines, want %d", name, a, b)
		}
		for _, r := range strings.ReplaceAll(got, "\n", "") {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("%q: %#x stands in it", name, r)
			}
		}
		m, err := Read(strings.NewReader(got))
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		want, err := Read(strings.NewReader(plain))
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Snapshots) != len(want.Snapshots) || m.PeakBytes != want.PeakBytes {
			t.Errorf("%q: %d snapshots and a peak of %d B, want %d and %d", name, len(m.Snapshots), m.PeakBytes, len(want.Snapshots), want.PeakBytes)
		}
	}
}

func curveOf(t *testing.T, function, command string) string {
	t.Helper()
	h := sample()
	h.All[0].Frames = []results.Frame{{Function: function, Object: function, Address: 0x1a}, {Function: "main", Address: 1}}
	var out bytes.Buffer
	if err := Write(&out, h, []string{command}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
