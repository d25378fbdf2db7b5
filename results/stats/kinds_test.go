// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestKindsAddSlicesOfOneMode(t *testing.T) {
	kind := func(n int64, ns ...int64) results.KindCounts {
		h := results.DurationsOf(histogram(ns...))
		return results.KindCounts{Counts: results.Counts{Sent: n, OK: n}, ResponseTime: h, RoundTrip: h}
	}
	many := make([]int64, 60)
	for i := range many {
		many[i] = 1000
	}
	slices := []results.Slice{
		{Mode: results.Bare, End: second, Kinds: []results.KindCounts{kind(60, many...), kind(1, 5000)}},
		{Mode: results.Probed, End: second, Kinds: []results.KindCounts{kind(7, 9), kind(7, 9)}},
		{Mode: results.Bare, Start: 2 * second, End: 3 * second, Kinds: []results.KindCounts{kind(40, many[:40]...), {}}},
	}
	got := Kinds([]results.KindLoad{{Name: "submit", SharePct: 90}, {Name: "ping", SharePct: 10}}, slices, results.Bare)
	if len(got) != 2 {
		t.Fatalf("%d kinds, want 2", len(got))
	}
	submit, ping := got[0], got[1]
	if submit.Name != "submit" || submit.SharePct != 90 || submit.Requests.OK != 100 || *submit.AchievedRPS != 50 {
		t.Errorf("submit is %+v at %v a second", submit, *submit.AchievedRPS)
	}
	if d := submit.ResponseTime; d == nil || d.Count != 100 || d.P50 == nil || *d.P50 != 1000 {
		t.Errorf("response time of submit is %+v", d)
	}
	if ping.Requests.OK != 1 || ping.RoundTrip == nil || ping.RoundTrip.P50 != nil || ping.RoundTrip.Max < 5000 {
		t.Errorf("ping is %+v, round trip %+v", ping, ping.RoundTrip)
	}
}

func TestKindsWithoutSlicesHaveNoFigures(t *testing.T) {
	got := Kinds([]results.KindLoad{{Name: "a"}, {Name: "b"}}, nil, results.Bare)
	for _, k := range got {
		if k.ResponseTime != nil || k.RoundTrip != nil || *k.AchievedRPS != 0 || k.Requests.Sent != 0 {
			t.Errorf("%s has figures of no slice: %+v", k.Name, k)
		}
	}
}
