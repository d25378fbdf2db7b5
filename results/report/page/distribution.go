// SPDX-License-Identifier: Apache-2.0

package page

import "github.com/HdrHistogram/hdrhistogram-go"

// Distribution is a chart of latencies by percentile, one line a series: the
// percentile on an axis that gives each further nine the same room, the latency
// (ns) on a logarithmic one.
type Distribution struct {
	Series []Percentiles `json:"series"`
}

// Percentiles is one line: Values[i] ns is not exceeded by the share Quantiles[i]
// of the answers. Count is how many answers there were.
type Percentiles struct {
	Name      string    `json:"name"`
	Count     int64     `json:"count"`
	Quantiles []float64 `json:"q"`
	Values    []int64   `json:"v"`
}

// Beyond is how many samples must lie beyond a percentile for it to be drawn.
const Beyond = 20

// ticksHalving is the number of points for each halving of the distance to 100 %.
const ticksHalving = 8

// PercentilesOf makes the line of a histogram of ns. It ends where fewer than
// Beyond answers are slower; nil when even the median isn't supported.
func PercentilesOf(name string, h *hdrhistogram.Histogram) *Percentiles {
	total := h.TotalCount()
	if total < 2*Beyond {
		return nil
	}
	p := &Percentiles{Name: name, Count: total}
	for _, b := range h.CumulativeDistributionWithTicks(ticksHalving) {
		q := b.Quantile / 100
		if float64(total)*(1-q) < Beyond {
			break
		}
		p.Quantiles = append(p.Quantiles, q)
		p.Values = append(p.Values, max(b.ValueAt, 1))
	}
	return p
}
