// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/ipcprobe/ipcprobe/results"
)

// TestNoNameBreaksATrace holds that names stay names: the document has the same
// events whatever they are, and no byte that acts on a terminal.
func TestNoNameBreaksATrace(t *testing.T) {
	plain := traced(t, "main")
	for _, name := range []string{
		"\x1b[2J\x1b]0;owned\x07\u009b2J\x00\r\n", `"},{"ph":"X","pid":1,"name":"injected"},{"x":"`, "</script><script>alert(1)</script>",
		"safe\u202ecod\u2028", "\xff\xfe", strings.Repeat("A", 9000),
	} {
		text := traced(t, name)
		var doc, want struct {
			TraceEvents []map[string]any `json:"traceEvents"`
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		if len(doc.TraceEvents) != len(want.TraceEvents) || len(want.TraceEvents) == 0 {
			t.Errorf("%q: %d events, want %d", name, len(doc.TraceEvents), len(want.TraceEvents))
		}
		for _, r := range strings.ReplaceAll(string(text), "\n", "") {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("%q: %#x stands in it", name, r)
			}
		}
	}
}

func traced(t *testing.T, name string) []byte {
	t.Helper()
	moments := samples()
	for i := range moments {
		moments[i].Call = name
	}
	var out bytes.Buffer
	err := Write(&out, []Request{{Joined: request(), Moments: moments}}, Options{
		Origin: origin, Title: name, Stack: func(*results.Sample) []string { return []string{name, name} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
