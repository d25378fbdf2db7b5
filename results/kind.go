// SPDX-License-Identifier: Apache-2.0

package results

// KindCounts is what a slice saw of one kind of a mix. Only good answers are in
// the histograms. A request counts in the slice in which it ended; Sent counts
// where it was begun.
type KindCounts struct {
	Counts       Counts
	ResponseTime Durations
	RoundTrip    Durations
}

// Merge adds what other saw of the same kind to k.
func (k *KindCounts) Merge(other *KindCounts) {
	k.Counts.Add(other.Counts)
	k.ResponseTime.Merge(other.ResponseTime)
	k.RoundTrip.Merge(other.RoundTrip)
}

// KindLoad is the client's view of one kind of a mix.
type KindLoad struct {
	Name         string        `json:"name"`          // as the user wrote it, without the share
	SharePct     float64       `json:"share_pct"`     // of the requests, as asked for
	PayloadBytes int           `json:"payload_bytes"` // mean over the payloads of the kind
	Requests     Counts        `json:"requests"`      // of the slices that the figures come from
	AchievedRPS  *float64      `json:"achieved_rps"`  // nil when the result is invalid
	ResponseTime *Distribution `json:"response_time"`
	RoundTrip    *Distribution `json:"round_trip"`
}
