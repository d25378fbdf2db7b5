// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"io"
	"math"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// CurveText writes response time against offered rate, as `ipcprobe load
// --curve` shows it: a drawing, then the table. The error is the writer's.
func CurveText(w io.Writer, r *results.Result, s Style) error {
	head := section{title: "Response time by rate", blocks: []block{facts{
		{"server", targetText(r)},
		{"machine", machineText(&r.Environment)},
		{"closed loop", say(unit(significant(r.Curve.ClosedRPS), "requests/s") + " before the curve")},
	}}}
	if r.Run.Partial {
		head.blocks = append(head.blocks, paragraph{text: broke(r, "The steps that were finished follow.")})
	}
	if err := layText(w, document{sections: []section{head}}, s); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	for _, line := range drawCurve(r.Curve.Steps, s) {
		out.WriteString(s.line(append(text{{"  ", plain}}, line...)) + "\n")
	}
	out.WriteByte('\n')
	if err := out.Flush(); err != nil {
		return err
	}
	return layText(w, document{sections: []section{stepSection(r.Curve), warningSection(r)}}, s)
}

func stepSection(c *results.Curve) section {
	sec := section{title: "Steps"}
	if len(c.Steps) == 0 {
		sec.blocks = []block{absent("no step was finished")}
		return sec
	}
	t := table{columns: append(rateColumns(), col{title: "", flexible: true, most: 24})}
	late := false
	for i := range c.Steps {
		late = late || c.Steps[i].Outcome == results.ProbeLate
		t.rows = append(t.rows, append(rateRow(&c.Steps[i]), outcomeText(&c.Steps[i])))
	}
	sec.blocks = []block{t}
	if late {
		sec.blocks = append(sec.blocks, paragraph{note: true,
			text: say("late: the load generator itself was behind its schedule; the response times are partly its own.")})
	}
	return sec
}

const (
	curveHeight = 10 // rows of the drawing
	curveLabel  = 9  // cells of the labels on its left
)

// point is a step of one of the drawn percentiles.
type point struct {
	rate, ns float64
	high     bool // p99, not p50
}

// drawCurve draws p50 and p99 over the offered rate; the response time's scale
// is logarithmic. Nothing is drawn of fewer than two points.
func drawCurve(steps []results.RateProbe, s Style) []text {
	var points []point
	low, high, top := math.Inf(1), 0.0, 0.0
	for i := range steps {
		for _, q := range []struct {
			ns   *int64
			high bool
		}{{steps[i].P50, false}, {steps[i].P99, true}} {
			if q.ns == nil || *q.ns <= 0 {
				continue
			}
			points = append(points, point{steps[i].OfferedRPS, float64(*q.ns), q.high})
			low, high, top = min(low, float64(*q.ns)), max(high, float64(*q.ns)), max(top, steps[i].OfferedRPS)
		}
	}
	if len(points) < 2 || top <= 0 {
		return nil
	}
	high = max(high, low*2)
	width := s.columns() - 2 - curveLabel - 3
	rows := make([][]rune, curveHeight)
	for i := range rows {
		rows[i] = []rune(strings.Repeat(" ", width))
	}
	marks := map[bool]rune{false: 'o', true: '#'}
	axis, corner, rule := "|", "+", "-"
	if s.Unicode {
		marks = map[bool]rune{false: '○', true: '●'}
		axis, corner, rule = "│", "└", "─"
	}
	for _, p := range points {
		x := int(math.Round(p.rate / top * float64(width-1)))
		y := int(math.Round(math.Log(p.ns/low) / math.Log(high/low) * (curveHeight - 1)))
		rows[curveHeight-1-y][x] = marks[p.high]
	}
	out := []text{{{left(s.fit("p99 "), curveLabel-1) + string(marks[true]) + s.fit("  p50 ") + string(marks[false]), faint}}}
	for i, cells := range rows {
		label := ""
		if i%3 == 0 {
			label = duration(low * math.Pow(high/low, float64(curveHeight-1-i)/(curveHeight-1)))
		}
		out = append(out, text{{left(s.fit(label), curveLabel) + " " + axis, faint}, {string(cells), drawn}})
	}
	end := unit(short(top), "requests/s offered")
	return append(out,
		text{{strings.Repeat(" ", curveLabel+1) + corner + strings.Repeat(rule, width), faint}},
		text{{strings.Repeat(" ", curveLabel+2) + "0" + left(s.fit(end), width-1), faint}})
}
