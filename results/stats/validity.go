// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"math"
	"time"
)

const (
	lagShare  = 0.10 // of the response time's percentile that a generator may be late
	shortfall = 0.01 // of the offered rate that may be missing
)

// Offer is what an open loop was to do, and what the generator knows of its own
// part in it.
type Offer struct {
	// RPS is the rate the schedule asked for in the slices that are judged; 0 in
	// a closed loop, which is never late.
	RPS float64
	// OwnLagP99 is the p99 of the send lag, less the time that the server kept a
	// request back by a full connection (ns). Nil: not known, and all lag is the
	// generator's.
	OwnLagP99 *int64
	// Held is how many requests waited because no connection had room.
	Held int64
}

// Validity gives the reasons why the client's view must not be trusted; none
// is a valid measurement. In an open loop:
//
//   - The generator was late: its lag is above 10 % of the response time, both
//     at p99, or at the highest percentile below it that the count supports.
//   - It was slow: more than 1 % of the offered requests were not sent, although
//     no connection was full. A rate that was sent and not answered is the
//     server's. A random schedule may be short of its rate by chance, which three
//     standard deviations of a Poisson count allow for.
//
// In any loop: no answer came at all.
func Validity(c *Client, o Offer) []string {
	var reasons []string
	if c.Counts.OK+c.Counts.Error == 0 {
		return []string{"no request was answered"}
	}
	if o.RPS <= 0 {
		return nil
	}
	if name, lag, response, ok := lateness(c, o); ok && float64(lag) > lagShare*float64(response) {
		reasons = append(reasons, fmt.Sprintf(
			"the load generator was late: its %s send lag of %v is above 10 %% of the response time's, %v. Lower the rate, or give it a CPU of its own",
			name, readable(lag), readable(response)))
	}
	offered := o.RPS * c.Seconds
	missing := offered - float64(c.Counts.Sent)
	held := float64(o.Held) > shortfall*offered
	if missing > max(shortfall*offered, 3*math.Sqrt(offered)) && !held {
		reasons = append(reasons, fmt.Sprintf(
			"the load generator sent %.0f requests/s of the %.0f offered, and not because the server held it up. Lower the rate, or give it more threads",
			perSecond(c.Counts.Sent, c.Seconds), o.RPS))
	}
	return reasons
}

// Shortfall warns of a server that did not keep up with an open loop's rate, or
// is empty: more than 1 % of the requests that were sent had no answer in time.
// The figures hold; but the longer such a run, the longer its response times.
func Shortfall(c *Client, o Offer) string {
	sent := c.Counts.Sent
	missing := float64(sent - c.Counts.OK - c.Counts.Failed())
	held := float64(o.Held)
	if o.RPS <= 0 || max(missing, held) <= max(shortfall*float64(sent), 3*math.Sqrt(float64(sent))) {
		return ""
	}
	if c.RPS() > (1-shortfall)*o.RPS { // in the slices that count it caught up
		return fmt.Sprintf("the server did not keep up with the rate of %.0f requests/s all the time: %.0f of %d requests waited because no connection had room, or had no answer in time",
			o.RPS, max(missing, held), sent)
	}
	return fmt.Sprintf("the server did not keep up with the rate: it answered %.0f requests/s of the %.0f offered; response times grow with the length of such a run",
		c.RPS(), o.RPS)
}

// readable rounds a duration to three digits.
func readable(ns int64) time.Duration {
	unit := int64(1)
	for ns/unit >= 1000 {
		unit *= 10
	}
	return time.Duration(ns).Round(time.Duration(unit))
}

// lateness picks the percentile at which lag and response time are compared.
func lateness(c *Client, o Offer) (name string, lag, response int64, ok bool) {
	n := c.ResponseTime.TotalCount()
	for _, q := range []struct {
		name       string
		percentile float64
		oneIn      int64
	}{{"p99", 99, 100}, {"p95", 95, 20}, {"p90", 90, 10}, {"p50", 50, 2}} {
		if n < support*q.oneIn {
			continue
		}
		lag = c.SendLag.ValueAtPercentile(q.percentile)
		if o.OwnLagP99 != nil {
			// What the server held back is no lateness. The part that is the
			// generator's own is known at p99 only, an upper bound below it.
			lag = min(lag, *o.OwnLagP99)
		}
		return q.name, lag, c.ResponseTime.ValueAtPercentile(q.percentile), true
	}
	return "", 0, 0, false
}
