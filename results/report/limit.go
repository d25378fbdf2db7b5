// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/ipcprobe/ipcprobe/results"

// limits is the table of what --limit asked for, and why a limit was not judged.
func limits(r *results.Result) []block {
	t := table{columns: []col{{title: "limit", flexible: true}, {title: "asked for", right: true},
		{title: "measured", right: true}, {title: ""}}}
	var why items
	for i := range r.Limits {
		l := &r.Limits[i]
		asked, measured := l.Bound+nbspace+measure(l.Unit, l.Limit), dash
		if l.Bound == "=" {
			asked = "none"
		}
		if l.Measured != nil {
			measured = measure(l.Unit, *l.Measured)
		}
		var word text
		switch {
		case withheld(r):
			word, measured = in(warned, "not judged"), dash
		case l.Met:
			word = in(good, "met")
		case l.Inconclusive():
			word = in(warned, "inconclusive")
			why = append(why, name(l.Metric).with(" could not be judged: "+l.Reason))
		default:
			word = in(bad, "missed")
		}
		t.rows = append(t.rows, []text{name(l.Metric), say(asked), say(measured), word})
	}
	if withheld(r) {
		why = items{say("Limits are not judged on an invalid measurement.")}
	}
	if len(why) == 0 {
		return []block{t}
	}
	return []block{t, why}
}

// measure formats a figure in its unit.
func measure(of string, x float64) string {
	switch of {
	case "ns":
		return duration(x)
	case "bytes": // decimal, as limits are mostly given: 50MB
		return unit(significant(x/1e6), "MB")
	case "percent":
		return percent(x)
	case "bytes/1000 requests":
		return bytesize(x) + " per 1,000"
	case "requests/s":
		return unit(significant(x), of)
	}
	return significant(x)
}
