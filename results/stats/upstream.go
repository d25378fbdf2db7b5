// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/ipcprobe/ipcprobe/results"

// Upstream divides what went upstream by the requests of the same slices; nil when
// nothing did.
func Upstream(sums results.UpstreamSums, requests int64) *results.Upstream {
	if sums == (results.UpstreamSums{}) {
		return nil
	}
	u := &results.Upstream{
		Sends: sums.Sends, Receives: sums.Receives,
		BytesOut: sums.BytesOut, BytesIn: sums.BytesIn, RoundTrips: sums.RoundTrips,
	}
	if n := float64(requests); n > 0 {
		u.BytesOutPerRequest = float64(sums.BytesOut) / n
		u.BytesInPerRequest = float64(sums.BytesIn) / n
		u.RoundTripsPerRequest = float64(sums.RoundTrips) / n
	}
	return u
}
