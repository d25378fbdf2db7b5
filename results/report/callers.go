// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// maxThreads is the number of rows of the table of threads; the rest is summed.
const maxThreads = 8

// caller is one thread with all its system calls.
type caller struct {
	results.SyscallThread
	most     string // the call in which it spent most time
	mostTime int64
}

// callersOf sums the calls of each thread, the one with most calls first.
func callersOf(calls []results.Syscall) []caller {
	type key struct{ process, thread uint32 }
	index := make(map[key]int)
	var all []caller
	for _, c := range calls {
		for _, t := range c.Threads {
			at, known := index[key{t.Process, t.Thread}]
			if !known {
				at = len(all)
				index[key{t.Process, t.Thread}] = at
				all = append(all, caller{SyscallThread: results.SyscallThread{Thread: t.Thread, Process: t.Process, Name: t.Name}})
			}
			one := &all[at]
			one.Calls += t.Calls
			one.TotalNs += t.TotalNs
			one.Failed += t.Failed
			if t.TotalNs > one.mostTime || one.most == "" {
				one.most, one.mostTime = c.Name, t.TotalNs
			}
		}
	}
	slices.SortStableFunc(all, func(a, b caller) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Thread, b.Thread))
	})
	return all
}

// threadTable lists the threads by their calls; nil when there was one thread.
func threadTable(calls []results.Syscall) *table {
	all := callersOf(calls)
	if len(all) < 2 {
		return nil
	}
	t := &table{columns: []col{
		{title: "thread", flexible: true}, {title: "id", right: true}, {title: "calls", right: true},
		{title: "share", right: true}, {title: "in calls", right: true}, {title: "most in", flexible: true},
		{title: "errors", right: true, dispensable: 1},
	}}
	var total, rest float64
	for _, c := range all {
		total += float64(c.Calls)
	}
	for i, c := range all {
		if i >= maxThreads {
			rest += float64(c.Calls)
			continue
		}
		id, label := fmt.Sprint(c.Thread), name(c.Name)
		if c.Thread == 0 {
			id, label = dash, say("all others")
		}
		t.rows = append(t.rows, []text{label, say(id), say(short(float64(c.Calls))), say(percent(100 * float64(c.Calls) / total)),
			say(duration(float64(c.TotalNs))), name(c.most), say(short(float64(c.Failed)))})
	}
	if rest > 0 {
		t.rows = append(t.rows, row(count(int64(len(all)-maxThreads))+" more", dash, short(rest), percent(100*rest/total), dash, dash, dash))
	}
	return t
}
