// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
)

// area is a drawn curve: a figure over time, filled from below.
type area struct {
	times  []int64 // ns, rising
	values []int64
	label  func(float64) string // words a value
	end    string               // what stands below the right end
}

func (area) isBlock() {}

const areaHeight = 6 // rows of the drawing

// areaLines draws it in room cells. Below stands 0, unless the values are all in
// the upper half: then the drawing shows what changes, and the label says where
// it begins.
func areaLines(a area, s Style, room int) []text {
	low, high := a.values[0], a.values[0]
	for _, v := range a.values {
		low, high = min(low, v), max(high, v)
	}
	if low <= high/2 {
		low = 0
	} else {
		low -= max(1, (high-low)/areaHeight)
	}
	bottom, top := s.fit(a.label(float64(low))), s.fit(a.label(float64(high)))
	label := max(cells(bottom), cells(top))
	axis, corner, rule := " |", " +", "-"
	if s.Unicode {
		axis, corner, rule = " │", " └", "─"
	}
	width := max(8, room-label-cells(axis))
	columns := columnsOf(a.times, a.values, width)
	out := make([]text, 0, areaHeight+2)
	for row := areaHeight - 1; row >= 0; row-- {
		name := ""
		if row == areaHeight-1 {
			name = top
		}
		var line strings.Builder
		for _, v := range columns {
			share := float64(v-low) / float64(max(1, high-low)) * areaHeight
			line.WriteString(level(share-float64(row), s.Unicode))
		}
		out = append(out, text{{left(name, label) + axis, faint}, {line.String(), drawn}})
	}
	end := s.fit(a.end)
	return append(out,
		text{{left(bottom, label) + corner + strings.Repeat(rule, width), faint}},
		text{{strings.Repeat(" ", label+2) + "0" + left(end, width-1), faint}})
}

// columnsOf gives the largest value of each of n equal stretches of time. A
// stretch without a look is as the one before.
func columnsOf(times, values []int64, n int) []int64 {
	out := make([]int64, n)
	seen := make([]bool, n)
	span := max(1, times[len(times)-1]-times[0])
	for i, at := range times {
		c := min(n-1, int(float64(at-times[0])/float64(span)*float64(n)))
		c = max(0, c)
		if !seen[c] || values[i] > out[c] {
			out[c], seen[c] = values[i], true
		}
	}
	for c := 1; c < n; c++ {
		if !seen[c] {
			out[c] = out[c-1]
		}
	}
	return out
}

// level fills a cell from below by a share.
func level(share float64, unicode bool) string {
	switch {
	case unicode:
		eighths := int(max(0, min(1, share))*8 + 0.5)
		return string([]rune(" ▁▂▃▄▅▆▇█")[eighths])
	case share >= 0.5:
		return "#"
	}
	return " "
}
