// SPDX-License-Identifier: Apache-2.0

package loader

import "github.com/ipcprobe/ipcprobe/results"

// Upstream sums what went over connections that the target opened itself, in all
// slices so far, while Count was on.
func (p *Probes) Upstream() (results.UpstreamSums, error) {
	var sums results.UpstreamSums
	cpus, err := p.cpus.read()
	if err != nil {
		return sums, err
	}
	for i := range cpus {
		u := &cpus[i].Upstream
		sums.Sends += int64(u.Sends)
		sums.Receives += int64(u.Receives)
		sums.BytesOut += int64(u.BytesOut)
		sums.BytesIn += int64(u.BytesIn)
		sums.RoundTrips += int64(u.RoundTrips)
	}
	return sums, nil
}
