// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// severalThreads says whether more than one thread made calls.
func severalThreads(tables []results.CallTable) bool {
	var first *results.ThreadCalls
	for i := range tables {
		for k := range tables[i].Threads {
			t := &tables[i].Threads[k]
			switch {
			case t.Thread == 0: // of many
				return true
			case first == nil:
				first = t
			case t.Thread != first.Thread:
				return true
			}
		}
	}
	return false
}

func byThread(all []results.ThreadCalls) []results.SyscallThread {
	out := make([]results.SyscallThread, 0, len(all))
	for _, t := range all {
		out = append(out, results.SyscallThread(t))
	}
	slices.SortFunc(out, func(a, b results.SyscallThread) int {
		return cmp.Or(cmp.Compare(b.TotalNs, a.TotalNs), cmp.Compare(a.Thread, b.Thread))
	})
	return out
}
