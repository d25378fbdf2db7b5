// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestSlicesFillTheRun(t *testing.T) {
	const ms, full = time.Millisecond, 500 * time.Millisecond
	type planned struct {
		mode   results.Mode
		length time.Duration
	}
	bare, probed := planned{results.Bare, full}, planned{results.Probed, full}
	short := func(length time.Duration) planned { return planned{results.Probed, length} }
	for _, tt := range []struct {
		name string
		run  time.Duration
		plan []planned // the last one goes on
		want []time.Duration
	}{
		{"full slices", 1500 * ms, []planned{bare, probed, bare}, []time.Duration{full, full, full}},
		{"a short one, and a longer one behind it", 2000 * ms, []planned{bare, short(200 * ms), bare}, []time.Duration{full, 200 * ms, 800 * ms, full}},
		{"a gap behind it", 2000 * ms, []planned{bare, short(200 * ms), {results.Gap, full}}, []time.Duration{full, 200 * ms, 800 * ms, full}},
		{"a short one at the end", 1000 * ms, []planned{bare, short(200 * ms), bare}, []time.Duration{full, 200 * ms, 300 * ms}},
		{"hardly short at the end", 1000 * ms, []planned{bare, short(400 * ms), bare}, []time.Duration{full, full}},
		{"a little left", 1100 * ms, []planned{bare}, []time.Duration{full, 600 * ms}},
		{"half of one left", 1250 * ms, []planned{bare}, []time.Duration{full, full, 250 * ms}},
		{"shorter than a slice", 300 * ms, []planned{bare}, []time.Duration{300 * ms}},
	} {
		c := calendar{slice: full, left: tt.run}
		var got []time.Duration
		for i := 0; c.left > 0 && i < 20; i++ {
			p := tt.plan[min(i, len(tt.plan)-1)]
			got = append(got, c.next(p.mode, p.length))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: slices of %v, want %v", tt.name, got, tt.want)
		}
	}
}
