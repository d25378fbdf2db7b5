// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// maxBars is the number of rows of a drawn histogram.
const maxBars = 20

// draw makes rows of the response time's histogram, marking those in which the
// percentiles lie. Bars in excess of maxBars are merged with their neighbours.
func draw(l *results.Latency) bars {
	all := merge(trim(l.Histogram), maxBars)
	var sum int64
	for _, b := range all {
		sum += b.Count
	}
	if sum == 0 {
		return nil
	}
	out := make(bars, len(all))
	for i, b := range all {
		out[i] = bar{
			from:  duration(float64(b.From)),
			to:    duration(float64(b.To)),
			count: b.Count,
			share: percent(100 * float64(b.Count) / float64(sum)),
			marks: marks(l.ResponseTime, b, i == len(all)-1),
		}
		if b.Count == 0 {
			out[i].share = ""
		}
	}
	return out
}

// trim cuts the empty bars off both ends.
func trim(all []results.HistogramBar) []results.HistogramBar {
	for len(all) > 0 && all[0].Count == 0 {
		all = all[1:]
	}
	for len(all) > 0 && all[len(all)-1].Count == 0 {
		all = all[:len(all)-1]
	}
	return all
}

// merge joins as many neighbours as it takes to have at most limit bars.
func merge(all []results.HistogramBar, limit int) []results.HistogramBar {
	group := (len(all) + limit - 1) / limit
	if group <= 1 {
		return all
	}
	var out []results.HistogramBar
	for i := 0; i < len(all); i += group {
		end := min(i+group, len(all))
		b := all[i]
		b.To = all[end-1].To
		for _, other := range all[i+1 : end] {
			b.Count += other.Count
		}
		out = append(out, b)
	}
	return out
}

// marks names the percentiles that lie in b.
func marks(d *results.Distribution, b results.HistogramBar, last bool) string {
	if d == nil {
		return ""
	}
	var names []string
	for _, q := range quantiles(d) {
		if q.value != nil && *q.value >= b.From && (*q.value < b.To || last && *q.value == b.To) {
			names = append(names, q.name)
		}
	}
	return strings.Join(names, " ")
}

// stroke draws a bar of part/whole of width cells; whatever is not nothing
// shows.
func stroke(part, whole int64, width int, unicode bool) string {
	if part <= 0 || whole <= 0 || width <= 0 {
		return ""
	}
	share := min(1, float64(part)/float64(whole))
	if !unicode {
		if n := int(share*float64(width) + 0.5); n > 0 {
			return strings.Repeat("#", n)
		}
		return "."
	}
	eighths := max(1, int(share*float64(width)*8+0.5))
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return s
}
