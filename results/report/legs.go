// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// legsSection is the table of a request's legs. Its means add up to the mean
// round trip and its shares to 100, as they are printed.
func legsSection(r *results.Result) section {
	s := section{title: "Where a request’s time goes", remark: remark(r)}
	if !whole(r.Legs) {
		s.blocks = []block{absent(unjoined(r))}
		return s
	}
	legs, total := legsOf(r.Legs), r.Legs.RoundTrip
	means, sum := meansOf(r.Legs)
	t := table{columns: []col{
		{title: "leg"}, {title: "mean", right: true}, {title: "share", right: true},
		{bar: 18, dispensable: 1}, {title: "p50", right: true}, {title: "p99", right: true},
	}}
	printedTotal, printed := column(total.Mean, scaled(means, total.Mean, sum))
	for i, permille := range apportion(1000, means, sum) {
		share := unit(decimal(float64(permille)/10, 1), "%")
		if i == len(legs) {
			t.rows = append(t.rows, row("unaccounted", printed[i], share, "", dash, dash))
			continue
		}
		leg := legs[i]
		t.permille = append(t.permille, permille)
		t.rows = append(t.rows, []text{say(leg.name), say(printed[i]), say(share),
			nil, say(quantile(leg.dist.P50)), say(quantile(leg.dist.P99))})
		for _, part := range leg.parts {
			if part.dist.Max == 0 {
				continue // it never happened
			}
			t.permille = append(t.permille, 0)
			t.rows = append(t.rows, partRow(part, total))
		}
	}
	t.total = row("round trip", printedTotal, unit("100.0", "%"), "", quantile(total.P50), quantile(total.P99))
	s.blocks = []block{t}
	if n := tooFew(total, "p50", "p99"); n != "" {
		s.blocks = append(s.blocks, paragraph{note: true, text: say(n)})
	}
	s.blocks = append(s.blocks, paragraph{note: true, text: say("Of " + count(total.Count) +
		" joined requests in probed slices. Means add up, percentiles don’t.")})
	for _, tail := range []*results.Tail{r.Tail, r.TailP999} {
		if tail != nil && len(tail.ShareOfExcess) > 0 {
			s.blocks = append(s.blocks, paragraph{text: tailText(tail)})
		}
	}
	return s
}

// tailParts is how many causes of a tail are named.
const tailParts = 3

// tailText says what the slowest requests have more of than the median one.
func tailText(tail *results.Tail) text {
	type cause struct {
		name string
		pct  float64
	}
	var causes []cause
	for name, pct := range tail.ShareOfExcess {
		causes = append(causes, cause{name, pct})
	}
	slices.SortFunc(causes, func(a, b cause) int {
		return cmp.Or(cmp.Compare(b.pct, a.pct), cmp.Compare(a.name, b.name))
	})
	var words []string
	for _, c := range causes[:min(tailParts, len(causes))] {
		if c.pct >= 1 {
			leg, part, split := strings.Cut(c.name, ", ")
			if split {
				leg += " (" + part + ")"
			}
			words = append(words, rough(c.pct)+" "+leg)
		}
	}
	slowest := strconv.FormatFloat(100*(1-tail.Quantile), 'g', 2, 64)
	return say("The slowest " + unit(slowest, "%") + " take longer than the median request by: " +
		listing(words) + ".")
}

// partRow is one part of a leg, set back below it. Its share is of the round
// trip too.
func partRow(part leg, total *results.Distribution) []text {
	name, scale, decimals := columnScale(total.Mean)
	share := "–"
	if total.Mean > 0 {
		share = unit(decimal(100*part.dist.Mean/total.Mean, 1), "%")
	}
	return []text{in(faint, nbspace+nbspace+part.name), in(faint, unit(decimal(part.dist.Mean/scale, decimals), name)),
		in(faint, share), nil, in(faint, quantile(part.dist.P50)), in(faint, quantile(part.dist.P99))}
}

const nbspace = string(nbsp)

// scaled stretches parts that add up to sum so that they add up to total: the
// difference is negligible, or there is none.
func scaled(parts []float64, total, sum float64) []float64 {
	out := make([]float64, len(parts))
	for i, p := range parts {
		out[i] = p / sum * total
	}
	return out
}
