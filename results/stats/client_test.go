// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// alternating is B P B P …, each of one second.
func alternating(n, bare, probed int) []results.Slice {
	var out []results.Slice
	for i := range n {
		mode, count := results.Bare, bare
		if i%2 == 1 {
			mode, count = results.Probed, probed
		}
		out = append(out, slice(mode, int64(i)*second, second, count, 10_000, func() int64 { return 50_000 }))
		out[i].GeneratorNs = second / 2
	}
	return out
}

func TestMergeTakesOneMode(t *testing.T) {
	all := alternating(5, 3_000, 2_000)
	all[0].Intervals[0].ResponseTime = results.Durations{} // nothing was answered in it
	c := Merge(all, results.Bare)
	if c.Counts.OK != 9_000 || c.Seconds != 3 || c.RPS() != 3_000 {
		t.Errorf("%d answers in %v s, %v/s", c.Counts.OK, c.Seconds, c.RPS())
	}
	if c.GeneratorPct() != 50 {
		t.Errorf("generator %v %%, want 50", c.GeneratorPct())
	}
	if n := c.ResponseTime.TotalCount(); n != 8_700 {
		t.Errorf("%d response times, want 8,700", n)
	}
	if l := c.Latency(); l.ResponseTime == nil || l.ResponseTime.P99 == nil || len(l.Histogram) != 1 {
		t.Errorf("latency %+v", l)
	}
}

func TestMergeOfNothing(t *testing.T) {
	c := Merge(nil, results.Bare)
	if c.RPS() != 0 || c.GeneratorPct() != 0 {
		t.Error("rates of no slices are 0")
	}
	if l := c.Latency(); l.ResponseTime != nil || l.Histogram != nil {
		t.Error("no slices, no distribution")
	}
}

func TestRunSlices(t *testing.T) {
	all := alternating(3, 3_000, 100)
	all = append([]results.Slice{slice(results.Warmup, -second, second, 10, 1, nil)}, all...)
	got := RunSlices(all)
	if len(got) != 3 {
		t.Fatalf("%d slices, want bare and probed ones only", len(got))
	}
	b, p := got[0], got[1]
	if b.Mode != "bare" || b.StartNs != second || b.DurationNs != second || b.Requests != 3_000 ||
		b.ThroughputRPS != 3_000 || b.CPUNs != 30_000_000 || b.P99 == nil {
		t.Errorf("bare slice %+v", b)
	}
	if p.Mode != "probed" || p.P50 == nil || p.P99 != nil {
		t.Errorf("probed slice of 100 answers %+v: want p50 and no p99", p)
	}
}

func TestCPU(t *testing.T) {
	c := CPU(alternating(5, 20_000, 1), results.Bare)
	if math.Abs(c.UtilisationPct-20) > 0.01 || math.Abs(c.UserPct-5) > 0.01 || math.Abs(c.KernelPct-15) > 0.01 {
		t.Errorf("utilisation %v, user %v, kernel %v, want 20, 5, 15", c.UtilisationPct, c.UserPct, c.KernelPct)
	}
	if c.NsPerRequest != 10_000 {
		t.Errorf("%v ns a request, want 10,000", c.NsPerRequest)
	}
}

func TestCPUWithoutClocksOrAnswers(t *testing.T) {
	all := alternating(1, 100, 0)
	all[0].TargetCPU[1] = results.CPUTime{}
	if CPU(all, results.Bare) != nil {
		t.Error("no second reading: want no figure")
	}
	if CPU(nil, results.Bare) != nil || CPU(alternating(1, 1, 1), results.Probed) != nil {
		t.Error("no slice of the mode: want no figure")
	}
	idle := slice(results.Bare, 0, second, 0, 0, nil)
	idle.TargetCPU = [2]results.CPUTime{{At: 1}, {At: second, Total: 5_000}}
	if c := CPU([]results.Slice{idle}, results.Bare); c == nil || c.NsPerRequest != 0 || c.UserPct != 0 {
		t.Errorf("%+v: want a utilisation and nothing else", c)
	}
}

func TestValidity(t *testing.T) {
	small := int64(1_000)
	tests := []struct {
		name  string
		edit  func(*Client)
		offer Offer
		want  int
	}{
		{"closed loop", func(*Client) {}, Offer{}, 0},
		{"open loop on time", func(*Client) {}, Offer{RPS: 3_000}, 0},
		{"nothing answered", func(c *Client) { c.Counts = results.Counts{Sent: 5} }, Offer{}, 1},
		{"only error answers are answers", func(c *Client) { c.Counts = results.Counts{Sent: 5, Error: 5} }, Offer{}, 0},
		{"lag above a tenth of the response time", func(c *Client) { record(c.SendLag, 6_000, 500) }, Offer{RPS: 3_000}, 1},
		{"lag below a tenth", func(c *Client) { record(c.SendLag, 4_000, 500) }, Offer{RPS: 3_000}, 0},
		{"lag of the server's making", func(c *Client) { record(c.SendLag, 6_000, 500) }, Offer{RPS: 3_000, OwnLagP99: &small}, 0},
		{"sent too few", func(*Client) {}, Offer{RPS: 3_200}, 1},
		{"sent too few, but connections were full", func(*Client) {}, Offer{RPS: 3_200, Held: 5_000}, 0},
		{"one per cent short", func(*Client) {}, Offer{RPS: 3_025}, 0},
		{"sent all, answered half", func(c *Client) { c.Counts.OK /= 2 }, Offer{RPS: 3_000}, 0},
		{"late and short", func(c *Client) { record(c.SendLag, 6_000, 500) }, Offer{RPS: 4_000}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Merge(alternating(5, 3_000, 2_000), results.Bare)
			tt.edit(c)
			if got := Validity(c, tt.offer); len(got) != tt.want {
				t.Errorf("%q, want %d reasons", got, tt.want)
			}
		})
	}
}

func TestValidityAllowsForChanceInShortRuns(t *testing.T) {
	// 100 of 110 offered: two standard deviations.
	c := Merge([]results.Slice{slice(results.Bare, 0, second, 100, 1, nil)}, results.Bare)
	if got := Validity(c, Offer{RPS: 110}); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := Validity(c, Offer{RPS: 200}); len(got) != 1 {
		t.Errorf("%q, want one reason", got)
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name   string
		counts results.Counts
		most   float64
		bad    bool
	}{
		{"nothing ended", results.Counts{Sent: 5, Censored: 5}, 1, false},
		{"all good", results.Counts{OK: 100}, 0, false},
		{"just allowed", results.Counts{OK: 99, Error: 1}, 1, false},
		{"one more", results.Counts{OK: 98, Error: 1, Timeout: 1}, 1, true},
		{"none allowed", results.Counts{OK: 1_000_000, Broken: 1}, 0, true},
		{"all failed, all allowed", results.Counts{Error: 5}, 100, false},
		{"all failed", results.Counts{Error: 5}, 1, true},
	}
	for _, tt := range tests {
		if got := Failures(tt.counts, tt.most); (got != "") != tt.bad {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestShortfall(t *testing.T) {
	for name, tt := range map[string]struct {
		sent, ok, held int64
		rps            float64
		want           bool
	}{
		"keeps up":               {10_000, 10_000, 0, 10_000, false},
		"a few under way":        {10_000, 9_950, 0, 10_000, false},
		"answers too few":        {10_000, 8_000, 0, 10_000, true},
		"holds requests back":    {8_000, 8_000, 2_000, 10_000, true},
		"catches up later":       {11_000, 11_000, 2_000, 10_000, true},
		"a closed loop can't be": {10_000, 8_000, 0, 0, false},
	} {
		c := &Client{Counts: results.Counts{Sent: tt.sent, OK: tt.ok}, Seconds: 1}
		if got := Shortfall(c, Offer{RPS: tt.rps, Held: tt.held}); (got != "") != tt.want {
			t.Errorf("%s: %q", name, got)
		} else if caughtUp := float64(tt.ok) >= tt.rps; tt.want && strings.Contains(got, "all the time") != caughtUp {
			t.Errorf("%s: %q", name, got) // "it answered more than was offered" is no way to fall behind
		}
	}
}

func TestSlicesOfALongRunAreCoarse(t *testing.T) {
	all := alternating(1, 3_000, 2_000)
	before := Merge(all, results.Bare)
	all[0].Coarsen()
	after := Merge(all, results.Bare)
	if len(all[0].Intervals) != 1 || before.Counts != after.Counts || !before.ResponseTime.Equals(after.ResponseTime) {
		t.Errorf("%d intervals, counts %+v, want %+v", len(all[0].Intervals), after.Counts, before.Counts)
	}
}
