// SPDX-License-Identifier: Apache-2.0

package profile

// Band says how slow the request was that a thread was serving.
type Band uint8

const (
	// NoBand: the thread served no request, or none that is known.
	NoBand Band = iota
	// Fast: its round trip was below the median.
	Fast
	// Usual: from the median to the 99th percentile.
	Usual
	// Slow: above the 99th percentile.
	Slow
)

// String gives the value of the label; empty without a request.
func (b Band) String() string {
	return [...]string{"", "below p50", "p50-p99", "above p99"}[b]
}

// Bands are the round trips (ns) at which one band ends and the next begins:
// percentiles of the joined requests. One that the count can't support is nil;
// then the band above it is empty.
type Bands struct{ P50, P99 *int64 }

// Of is the band of a round trip.
func (b Bands) Of(roundTrip int64) Band {
	switch {
	case b.P50 == nil:
		return NoBand
	case roundTrip < *b.P50:
		return Fast
	case b.P99 == nil || roundTrip <= *b.P99:
		return Usual
	}
	return Slow
}
