// SPDX-License-Identifier: Apache-2.0

package limit

import "github.com/ipcprobe/ipcprobe/results"

// Judge holds one result against a rule.
func (rule Rule) Judge(r *results.Result) results.Limit {
	m, _ := find(rule.Metric)
	l := results.Limit{Metric: rule.Metric, Bound: rule.Bound, Limit: rule.Limit, Unit: m.unit}
	if m.unit == leakUnit {
		judgeLeak(&l, r)
		return l
	}
	if m.figure == nil {
		l.Reason = unknown
		return l
	}
	v, why := m.figure(r)
	if why != "" {
		l.Reason = why
		return l
	}
	l.Measured = &v
	switch rule.Bound {
	case "<":
		l.Met = v < rule.Limit
	case "<=":
		l.Met = v <= rule.Limit
	case ">":
		l.Met = v > rule.Limit
	case ">=":
		l.Met = v >= rule.Limit
	}
	return l
}

// judgeLeak goes by the verdict, not by the figure: a growth that the noise
// could have made is none.
func judgeLeak(l *results.Limit, r *results.Result) {
	if r.Memory == nil || r.Memory.Leak == nil {
		l.Reason = unknown
		return
	}
	leak := r.Memory.Leak
	switch leak.Verdict {
	case results.LeakNone, results.LeakFound:
		l.Met = leak.Verdict == results.LeakNone
		l.Measured = new(float64)
		if leak.BytesPer1000 != nil {
			l.Measured = leak.BytesPer1000
		}
	default:
		l.Reason = leak.Reason
	}
}

// Judge holds one result against all rules.
func Judge(rules []Rule, r *results.Result) []results.Limit {
	var all []results.Limit
	for _, rule := range rules {
		all = append(all, rule.Judge(r))
	}
	return all
}

// Outcome is what all limits together came to.
type Outcome uint8

const (
	Met          Outcome = iota
	Missed               // one was missed, whatever became of the others
	Inconclusive         // none was missed, but one could not be judged
)

// Sum is the outcome of judged limits.
func Sum(all []results.Limit) Outcome {
	sum := Met
	for i := range all {
		switch {
		case all[i].Inconclusive():
			sum = Inconclusive
		case !all[i].Met:
			return Missed
		}
	}
	return sum
}
