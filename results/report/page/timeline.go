// SPDX-License-Identifier: Apache-2.0

package page

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

// Timeline is the run by time: answers a second in moments, response time in
// slices, with the stretches marked in which probes were attached.
type Timeline struct {
	Moments []Moment `json:"moments"`
	Slices  []Moment `json:"slices"`
}

// Moment is a stretch of one slice, or all of it. Start and Seconds are in s,
// Start since the first one began; P50 and P99 in ns, nil where the count doesn't
// support them.
type Moment struct {
	Mode    string  `json:"mode"` // bare or probed
	Start   float64 `json:"start"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"` // answers a second
	P50     *int64  `json:"p50"`
	P99     *int64  `json:"p99"`
}

// Stretch is what a timeline is made of: the response times (ns) of a stretch.
type Stretch struct {
	Mode           string
	Start, Seconds float64
	Times          results.Durations
}

const (
	mostMoments = 600  // points of a timeline at most: what a screen shows
	leastMoment = 0.03 // s: a shorter stretch, the end of a slice, counts with the one before it
)

// TimelineOf makes a timeline of stretches in the order of time. Neighbours of
// one slice are added up until there are few enough; what is told of them is then
// of all together. nil when there are none.
func TimelineOf(list []Stretch) *Timeline {
	if len(list) == 0 {
		return nil
	}
	t, scratch := &Timeline{}, results.NewHistogram()
	most := (len(list) + mostMoments - 1) / mostMoments
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && joins(&list[to-1], &list[to]) {
			to++
		}
		slice := list[from:to]
		t.Slices = append(t.Slices, momentOf(slice, scratch))
		for len(slice) > 0 {
			n := min(most, len(slice))
			for n < len(slice) && slice[n].Seconds < leastMoment {
				n++
			}
			t.Moments = append(t.Moments, momentOf(slice[:n], scratch))
			slice = slice[n:]
		}
		from = to
	}
	first := t.Moments[0].Start
	for _, list := range [][]Moment{t.Moments, t.Slices} {
		for i := range list {
			list[i].Start -= first
		}
	}
	return t
}

// joins reports whether next goes on in the slice of s.
func joins(s, next *Stretch) bool {
	const slack = 0.002 // s: the log's stamps are rounded to ms
	return next.Mode == s.Mode && next.Start-(s.Start+s.Seconds) < slack
}

// length is from the begin of the first to the end of the last.
func length(list []Stretch) float64 {
	last := &list[len(list)-1]
	return last.Start + last.Seconds - list[0].Start
}

// momentOf adds a list up, in a histogram that is used again.
func momentOf(list []Stretch, times *hdrhistogram.Histogram) Moment {
	times.Reset()
	for i := range list {
		list[i].Times.AddTo(times)
	}
	n := times.TotalCount()
	m := Moment{Mode: list[0].Mode, Start: list[0].Start, Seconds: length(list)}
	if m.Seconds > 0 {
		m.Rate = float64(n) / m.Seconds
	}
	if n >= 2*Beyond {
		m.P50 = at(times, 50)
	}
	if n >= 100*Beyond {
		m.P99 = at(times, 99)
	}
	return m
}

func at(h *hdrhistogram.Histogram, percentile float64) *int64 {
	v := max(h.ValueAtPercentile(percentile), 1)
	return &v
}
