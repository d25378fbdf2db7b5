// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/ipcprobe/ipcprobe/results"

// maxKinds is the number of rows of the table of a mix.
const maxKinds = 16

// kindBlocks are the parts of a mix, one row each; nothing when all requests
// are of one kind. Of an invalid measurement only the counts are shown.
func kindBlocks(r *results.Result) []block {
	kinds := r.Load.Kinds
	if len(kinds) < 2 {
		return nil
	}
	hidden := withheld(r)
	t := table{columns: []col{
		{title: "kind", flexible: true}, {title: "share", right: true},
		{title: "answered", right: true}, {title: "failed", right: true},
	}}
	if !hidden {
		t.columns = append(t.columns,
			col{title: "/s", right: true, dispensable: 1}, col{title: "p50", right: true},
			col{title: "p99", right: true}, col{title: "max", right: true, dispensable: 2})
	}
	few := false
	for i, k := range kinds {
		if i == maxKinds {
			break
		}
		failed := say(count(k.Requests.Failed()))
		if k.Requests.Failed() > 0 {
			failed = in(warned, count(k.Requests.Failed()))
		}
		cells := []text{name(truncate(clean(k.Name), 32, "…")), say(rough(k.SharePct)), say(count(k.Requests.OK)), failed}
		if !hidden {
			cells = append(cells, kindSpeed(k)...)
			few = few || k.ResponseTime != nil && (k.ResponseTime.P50 == nil || k.ResponseTime.P99 == nil)
		}
		t.rows = append(t.rows, cells)
	}
	out := []block{t}
	if few {
		out = append(out, paragraph{text: say(dash + " too few requests of that kind for the percentile."), note: true})
	}
	if n := len(kinds) - maxKinds; n > 0 {
		out = append(out, paragraph{text: say("Another " + count(int64(n)) + " kinds are in result.json."), note: true})
	}
	return append(out, paragraph{note: true, text: say("A mix; shares as asked for, percentiles of the response time.")})
}

func kindSpeed(k results.KindLoad) []text {
	rate := dash
	if k.AchievedRPS != nil {
		rate = significant(*k.AchievedRPS)
	}
	d := k.ResponseTime
	if d == nil {
		return row(rate, dash, dash, dash)
	}
	return row(rate, quantile(d.P50), quantile(d.P99), duration(float64(d.Max)))
}
