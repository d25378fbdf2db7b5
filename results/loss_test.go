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
		{"nothing lost", Loss{Programs: []ProgramLoss{{Seen: 5, Emitted: 5}, {}}}, true},
		{"one in 10,000", Loss{Programs: []ProgramLoss{{Seen: 10_000, Emitted: 9_999, Lost: 1}}}, true},
		{"one in 9,999", Loss{Programs: []ProgramLoss{{Seen: 9_999, Emitted: 9_998, Lost: 1}}}, false},
		{"one stack in 100", Loss{Programs: []ProgramLoss{{Name: "cpu_sample", Seen: 100, Emitted: 99, Lost: 1}}}, true},
		{"two stacks in 100", Loss{Programs: []ProgramLoss{{Name: "cpu_sample", Seen: 100, Emitted: 98, Lost: 2}}}, false},
		{"few among many of others", Loss{Programs: []ProgramLoss{{Seen: 1e9, Filtered: 1e9 - 10, Emitted: 5, Lost: 5}}}, false},
		{"a rare program's behind a busy one", Loss{Programs: []ProgramLoss{{Seen: 1e9, Emitted: 1e9}, {Seen: 3, Emitted: 2, Lost: 1}}}, false},
	} {
		if got := row.loss.Bearable(); got != row.want {
			t.Errorf("%s: %t", row.name, got)
		}
	}
}
