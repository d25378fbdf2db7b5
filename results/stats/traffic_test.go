// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestSendsBecomeAnswers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flows results.Flows
		want  int64
	}{
		{"two sends an answer", results.Flows{Sends: 200, Answers: 100}, 3},
		{"nobody asked", results.Flows{Sends: 200}, 0},
		{"none while the probes were on", results.Flows{}, 6},
	} {
		slices := []results.Slice{{Mode: results.Bare, Intervals: []results.Interval{{Counts: results.Counts{OK: 6}}}}}
		SendsToAnswers(&tt.flows, slices)
		if got := slices[0].Counts().OK; got != tt.want {
			t.Errorf("%s: 6 sends are %d answers, want %d", tt.name, got, tt.want)
		}
	}
}
