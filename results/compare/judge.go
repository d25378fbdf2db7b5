// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// alpha is the chance of a false difference that is borne, over all gates together.
const alpha = 0.05

// Judge gives the gated metrics their verdicts:
//
//	regression    the interval lies on the worse side of no change, and the point
//	              beyond the margin
//	improved      the interval lies on the better side, and the change is above the
//	              floor
//	pass          the interval's worse end is within the margin
//	inconclusive  anything else
//
// A difference must also keep alpha after Holm's correction over all gated metrics.
// With fewer than 6 effects there is no verdict; a metric that has fewer, while
// others have enough, is no gate. It returns the gates that could not be judged.
func Judge(metrics []results.MetricChange, gates []Gate) (missing []string) {
	var judged []*results.MetricChange
	var chances []float64
	for _, g := range gates {
		i := slices.IndexFunc(metrics, func(m results.MetricChange) bool { return m.Name == g.Metric })
		if i < 0 {
			missing = append(missing, g.Metric)
			continue
		}
		m := &metrics[i]
		m.Gated, m.MarginPct = true, g.MarginPct
		if m.IntervalPct != nil && m.P != nil {
			judged = append(judged, m)
			chances = append(chances, *m.P)
		}
	}
	for i, p := range holm(chances) {
		judged[i].PAdjusted = &p
		judge(judged[i], len(judged))
	}
	for i := range metrics {
		if m := &metrics[i]; m.Gated && m.Verdict == results.NoVerdict && len(judged) > 0 {
			m.Gated = false
			missing = append(missing, m.Name)
		}
	}
	return missing
}

// judge gives one metric its verdict; family is the number of gated ones.
func judge(m *results.MetricChange, family int) {
	point, low, high := logOf(*m.ChangePct), logOf(m.IntervalPct[0]), logOf(m.IntervalPct[1])
	if m.Better == "higher" {
		point, low, high = -point, -high, -low
	}
	margin, floor := logOf(m.MarginPct), 0.0
	if m.FloorPct != nil {
		floor = logOf(*m.FloorPct)
	}
	sure := *m.PAdjusted <= alpha
	switch {
	case low > 0 && point > margin && sure:
		m.Verdict = results.Regression
	case high < 0 && -point > floor && sure:
		m.Verdict = results.Improved
	case high < margin:
		m.Verdict = results.Pass
	default:
		m.Verdict = results.Inconclusive
		if n := len(m.Effects); n > 0 {
			quads := settle(n, point, (high-low)/2, margin, family)
			m.QuadsToSettle = &quads
		}
	}
}

// settleMost is the largest number of quads that is asked for.
const settleMost = 10_000

// settle is how many quads would settle a metric, if the point stays where it is
// and the interval narrows with the root of their number: beyond the margin, until
// it leaves 0 out; within, until its worse end is within too. No number is below
// that with which Holm's correction can be passed at all.
func settle(n int, point, half, margin float64, family int) int {
	room := margin - point
	if point > margin {
		room = point
	}
	least := 1 + int(math.Ceil(math.Log2(float64(family)/alpha)))
	need := float64(settleMost)
	if room > 0 {
		need = float64(n) * (half / room) * (half / room)
	}
	return min(settleMost, max(int(math.Ceil(need)), least, n+1, LeastQuads))
}

// Sum is the one verdict in all: a regression if there is one, else inconclusive if
// something is, else improved if something has; and what it rests on.
func Sum(metrics []results.MetricChange) (results.Verdict, string) {
	found := map[results.Verdict][]string{}
	most := 0
	for i := range metrics {
		m := &metrics[i]
		if !m.Gated {
			continue
		}
		found[m.Verdict] = append(found[m.Verdict], Title(m.Name))
		if m.QuadsToSettle != nil {
			most = max(most, *m.QuadsToSettle)
		}
	}
	list := func(v results.Verdict) string { return strings.Join(found[v], ", ") }
	switch {
	case len(found[results.Regression]) > 0:
		return results.Regression, "worse: " + list(results.Regression)
	case len(found[results.Inconclusive]) > 0:
		reason := "not decided: " + list(results.Inconclusive)
		if len(found[results.Improved]) > 0 {
			reason += "; better: " + list(results.Improved)
		}
		switch {
		case most >= settleMost:
			reason += "; no reasonable number of quads would settle it"
		case most > 0:
			reason += fmt.Sprintf("; about %d quads would settle it", most)
		}
		return results.Inconclusive, reason
	case len(found[results.NoVerdict]) > 0:
		return results.Inconclusive, fmt.Sprintf("too little evidence for a verdict: %d quads are the least", LeastQuads)
	case len(found[results.Improved]) > 0:
		return results.Improved, "better: " + list(results.Improved)
	case len(found[results.Pass]) > 0:
		return results.Pass, "nothing is worse by more than the margin"
	}
	return results.Inconclusive, "no gated metric was measured"
}
