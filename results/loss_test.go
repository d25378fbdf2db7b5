// SPDX-License-Identifier: Apache-2.0

package results

import "testing"

func TestWhatLossIsBearable(t *testing.T) {
	for _, row := range []struct {
		name string
		loss Loss
		want bool
	}{
		{"nothing seen", Loss{}, true},
		{"nothing lost", Loss{Programs: []ProgramLoss{{Seen: 5}, {}}}, true},
		{"one in 10,000", Loss{Programs: []ProgramLoss{{Seen: 10_000, Lost: 1}}}, true},
		{"one in 9,999", Loss{Programs: []ProgramLoss{{Seen: 9_999, Lost: 1}}}, false},
		{"one stack in 100", Loss{Programs: []ProgramLoss{{Name: "cpu_sample", Seen: 100, Lost: 1}}}, true},
		{"two stacks in 100", Loss{Programs: []ProgramLoss{{Name: "cpu_sample", Seen: 100, Lost: 2}}}, false},
		{"a rare program's behind a busy one", Loss{Programs: []ProgramLoss{{Seen: 1e9}, {Seen: 3, Lost: 1}}}, false},
	} {
		if got := row.loss.Bearable(); got != row.want {
			t.Errorf("%s: %t", row.name, got)
		}
	}
}
