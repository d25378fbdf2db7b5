// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// maxSyscalls is the number of rows of the syscall table; the rest is summed.
const maxSyscalls = 12

// syscallSection lists the target's system calls, those first that cost a request
// most.
func syscallSection(r *results.Result) section {
	s := section{title: "System calls, by what they cost a request", remark: remark(r)}
	if len(r.Syscalls) == 0 {
		s.blocks = []block{absent(unprobed(r))}
		return s
	}
	rows := slices.Clone(r.Syscalls)
	slices.SortStableFunc(rows, func(a, b results.Syscall) int { return cmp.Compare(costOf(b), costOf(a)) })
	t := table{columns: []col{
		{title: "call", flexible: true}, {title: "calls", right: true}, {title: "/request", right: true},
		{title: "bytes/call", right: true, dispensable: 1}, {title: "cost/req.", right: true},
		{title: "p50", right: true}, {title: "p99", right: true}, {title: "errors", right: true},
	}}
	var errors items
	for i, c := range rows {
		if failed := sum(c.Errors); failed > 0 {
			errors = append(errors, name(truncate(clean(c.Name), 24, "…")).with(" failed with ").and(tallyText(c.Errors, foreign)))
		}
		if i < maxSyscalls {
			t.rows = append(t.rows, syscallRow(c))
		}
	}
	if len(rows) > maxSyscalls {
		t.rows = append(t.rows, others(rows[maxSyscalls:]))
	}
	s.blocks = []block{t}
	if rare(rows) {
		s.blocks = append(s.blocks, paragraph{note: true, text: say(dash + " too few calls for the percentile, or no bytes to count.")})
	}
	s.blocks = append(s.blocks, paragraph{note: true, text: say("From the probed slices. The cost is the time in the " +
		"call, without the sleep of threads that have no request in hand.")})
	if by := threadTable(rows); by != nil {
		s.blocks = append(s.blocks, *by)
	}
	if len(errors) > 0 {
		s.blocks = append(s.blocks, errors)
	}
	return s
}

// rare reports whether a call came too seldom for its percentiles.
func rare(calls []results.Syscall) bool {
	return slices.ContainsFunc(calls, func(c results.Syscall) bool {
		return c.Latency == nil || c.Latency.P50 == nil || c.Latency.P99 == nil
	})
}

func syscallRow(c results.Syscall) []text {
	perCall := dash
	if c.BytesPerCall != nil {
		perCall = bytesize(*c.BytesPerCall)
	}
	p50, p99 := dash, dash
	if c.Latency != nil {
		p50, p99 = quantile(c.Latency.P50), quantile(c.Latency.P99)
	}
	failed := in(faint, "0")
	if n := sum(c.Errors); n > 0 {
		failed = in(warned, short(float64(n)))
	}
	return []text{name(c.Name), say(short(float64(c.Calls))), say(each(c.CallsPerRequest)), say(perCall),
		say(costText(c.NsPerRequest)), say(p50), say(p99), failed}
}

// each formats a rate per request: 1.00, 0.031, 12.5.
func each(x float64) string {
	switch {
	case x > 0 && x < 0.0005:
		return "<0.001"
	case x > 0 && x < 0.0995:
		return decimal(x, 3)
	case x >= 99_999_999.5:
		return short(x)
	}
	return significant(x)
}

// others sums the calls that have no row of their own. Percentiles can't be
// added.
func others(rest []results.Syscall) []text {
	var calls, failed, perRequest float64
	var cost *float64
	for _, c := range rest {
		calls += float64(c.Calls)
		failed += float64(sum(c.Errors))
		perRequest += c.CallsPerRequest
		if c.NsPerRequest != nil {
			cost = addCost(cost, *c.NsPerRequest)
		}
	}
	return row(count(int64(len(rest)))+" others", short(calls), each(perRequest), dash,
		costText(cost), dash, dash, short(failed))
}

// costOf is what a call costs a request; without requests, the time in it.
func costOf(c results.Syscall) float64 {
	if c.NsPerRequest == nil {
		return float64(c.TotalNs)
	}
	return *c.NsPerRequest
}

func costText(ns *float64) string {
	if ns == nil {
		return dash
	}
	return duration(*ns)
}

func addCost(sum *float64, ns float64) *float64 {
	if sum != nil {
		ns += *sum
	}
	return &ns
}

func sum(tally map[string]int64) int64 {
	var n int64
	for _, v := range tally {
		n += v
	}
	return n
}

// byCount lists the keys of a tally, the largest count first.
func byCount(tally map[string]int64) []string {
	keys := make([]string, 0, len(tally))
	for k := range tally {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(tally[b], tally[a]), cmp.Compare(a, b))
	})
	return keys
}
