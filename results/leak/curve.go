// SPDX-License-Identifier: Apache-2.0

package leak

import "github.com/ipcprobe/ipcprobe/results"

// FromCurve judges the resident set over a run, as stats.Memory gives it: all looks,
// not thinned. Looks before the first answer and behind the last are left out:
// a process that rests, without its connections, holds less than the same
// process under load, leak or no leak.
func FromCurve(curve []results.MemoryPoint) results.Leak {
	var samples []Sample
	for i, p := range curve {
		if p.Requests > 0 && (i == 0 || p.Requests > curve[i-1].Requests) {
			samples = append(samples, Sample{p.Requests, p.RSSBytes})
		}
	}
	return Judge(samples, RSS)
}
