// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// The bytes sent at each look decide what a slice's count is worth.
func TestRequestsAreCountedWhenTheHeapIsLookedAt(t *testing.T) {
	slice := func(ok, timeouts, bytes int64) results.Slice {
		return results.Slice{Intervals: []results.Interval{{Counts: results.Counts{OK: ok, Timeout: timeouts}, BytesIn: bytes}}}
	}
	type look struct {
		slice results.Slice
		sent  uint64
		want  int64
	}
	for name, looks := range map[string][]look{
		"answers of many lengths":           {{slice(10, 0, 700), 700, 10}, {slice(10, 0, 3), 703, 20}},
		"a burst between slice and look":    {{slice(10, 0, 700), 1400, 20}, {slice(15, 0, 1050), 1750, 25}},
		"answers that came too late":        {{slice(10, 5, 1050), 700, 10}, {slice(0, 0, 0), 1050, 15}, {slice(7, 3, 490), 1750, 25}},
		"late ones among a slice's bytes":   {{slice(10, 5, 700), 700, 10}, {slice(10, 0, 1050), 1750, 25}},
		"a kernel that doesn't say":         {{slice(10, 0, 700), 0, 10}, {slice(10, 0, 700), 0, 20}},
		"others answered beside the target": {{slice(3, 0, 210), 0, 3}},
		"behind the load":                   {{slice(10, 0, 700), 700, 10}, {results.Slice{}, 700, 10}},
	} {
		c := requestClock{answerBytes: 70}
		for i, l := range looks {
			if got := c.add(l.slice, l.sent); got != l.want {
				t.Errorf("%s: %d requests at look %d, want %d", name, got, i, l.want)
			}
		}
	}
	c := requestClock{}
	if got := c.add(slice(4, 0, 9), 1); got != 4 {
		t.Errorf("without an answer's length %d requests, want 4", got)
	}
}
