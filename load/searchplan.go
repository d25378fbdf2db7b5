// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// beyond is how many requests of a probe may be above a limit at least: 20
	// make a percentile, and arrivals are random.
	beyond = 25
	// shortest is the least time a probe measures.
	shortest = time.Second
)

// ParseLimits reads the limits of a search: 'p99<10ms', or several separated by
// commas. A percentile is p50, p90, p95, p99 or p99_9 (also p99.9).
func ParseLimits(s string) ([]results.SearchLimit, error) {
	var out []results.SearchLimit
	for word := range strings.SplitSeq(s, ",") {
		metric, limit, ok := strings.Cut(strings.TrimSpace(word), "<")
		if !ok {
			return nil, fmt.Errorf("%q is no limit: say p99<10ms, or several separated by commas", word)
		}
		l := results.SearchLimit{Metric: strings.ReplaceAll(strings.TrimSpace(metric), ".", "_")}
		if l.Share() == 0 {
			return nil, fmt.Errorf("%q is not a percentile that can be searched for: say p50, p90, p95, p99 or p99_9", metric)
		}
		d, err := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(limit, "=")))
		if err != nil || d <= 0 || d > MaxTimeout {
			return nil, fmt.Errorf("%q is not a length of time for %s: say 10ms or 500us, above 0 and up to %v", limit, metric, MaxTimeout)
		}
		for _, other := range out {
			if other.Metric == l.Metric {
				return nil, fmt.Errorf("%s is limited twice", l.Metric)
			}
		}
		l.LimitNs = d.Nanoseconds()
		out = append(out, l)
	}
	return out, nil
}

// ProbeLength is how long a probe at rate has to measure at least, so that 20
// requests lie beyond each limit's percentile.
func ProbeLength(rate float64, limits []results.SearchLimit) time.Duration {
	needed := shortest
	for _, l := range limits {
		needed = max(needed, seconds(beyond/(l.Share()*rate)))
	}
	return needed
}

// warmup is how long a queue takes to come to its steady state just where it
// begins to miss a limit. There one that is served in turn is of the length of
// the limit L, and forgets in about L² times the rate: the relaxation time of
// M/G/1 in heavy traffic.
func warmup(rate float64, limits []results.SearchLimit) time.Duration {
	needed := shortest / 5
	for _, l := range limits {
		limit := float64(l.LimitNs) / 1e9
		needed = max(needed, seconds(limit*limit*rate))
	}
	return needed
}

// seconds is a length of time, at most a day.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, 86_400) * float64(time.Second))
}
