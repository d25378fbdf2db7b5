// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestCutStacksAreExplainedWhereTheyMatter(t *testing.T) {
	covered := 61.5
	r := healthy()
	r.CPU.Samples, r.CPU.CompleteStacksPct = 200, 70
	r.CPU.CutStacks = map[string]int64{"stack page not in memory": 10, "object without unwind table": 50}
	r.CPU.UnwindCoveragePct = &covered
	text := func(r *results.Result) string {
		var out bytes.Buffer
		if err := Text(&out, r, Style{Unicode: true}); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(out.String()), " ")
	}
	for _, want := range []string{
		"cut at object without unwind table: 25.0 % stack page not in memory: 5.0 %",
		"unwind tables for 61.5 % of the target’s code",
	} {
		if !strings.Contains(text(r), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	r.CPU.CompleteStacksPct = 99.5
	if strings.Contains(text(r), "cut at") {
		t.Error("one stack in two hundred takes lines of the report")
	}
}
