// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"maps"
	"slices"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report/page"
)

// figuresOf are the figures that stand in a section, by its title.
func figuresOf(title string, r *results.Result, m *Material) []page.Figure {
	switch title {
	case throughputSection(r).title:
		return timelineFigure(m)
	case latencySection(r).title:
		return distributionFigure(m)
	case legsSection(r).title:
		return slices.Concat(legFigure(r.Legs), tailFigure(r))
	case cpuSection(r).title:
		return slices.Concat(
			flameFigure("cpu-flame", "On-CPU time by call path, from the samples of probed slices", m.CPU),
			flameFigure("offcpu-flame", "Time off the CPU by call path: blocked or waiting to run, idle apart", m.OffCPU))
	case syscallSection(r).title:
		return flameFigure("syscall-flame", "Which call paths issue the system calls", m.Syscalls)
	case memorySection(r).title:
		return slices.Concat(memoryFigure(r.Memory),
			flameFigure("heap-flame", "What was allocated and not freed, by call path", m.Heap))
	}
	return nil
}

func timelineFigure(m *Material) []page.Figure {
	t := page.TimelineOf(m.Latency)
	if t == nil || len(t.Moments) < 2 {
		return nil
	}
	caption := "Answers a second, and below p50 and p99 of response time, over the run; shaded: slices with the probes on"
	if !slices.ContainsFunc(t.Slices, func(m page.Moment) bool { return m.P99 != nil }) {
		caption += ". A slice has too few answers for a p99"
	}
	return []page.Figure{{ID: "timeline", Timeline: t, Caption: caption}}
}

func distributionFigure(m *Material) []page.Figure {
	d := &page.Distribution{}
	for _, mode := range []results.Mode{results.Bare, results.Probed} {
		h := results.NewHistogram()
		for i := range m.Latency {
			if m.Latency[i].Mode == mode.String() {
				m.Latency[i].Times.AddTo(h)
			}
		}
		if p := page.PercentilesOf(mode.String()+" slices", h); p != nil {
			d.Series = append(d.Series, *p)
		}
	}
	if len(d.Series) == 0 {
		return nil
	}
	return []page.Figure{{ID: "distribution", Distribution: d,
		Caption: "Response time by percentile, up to where 20 answers are slower. What is quoted is from the bare slices"}}
}

// legFigure sets the legs' means, medians and 99th percentiles side by side.
func legFigure(l *results.Legs) []page.Figure {
	if !whole(l) {
		return nil
	}
	legs := legsOf(l)
	s := &page.Stack{Unit: "ns"}
	for _, leg := range legs {
		s.Parts = append(s.Parts, leg.name)
	}
	for _, bar := range []struct {
		name string
		of   func(*results.Distribution) *float64
	}{
		{"mean", func(d *results.Distribution) *float64 { return &d.Mean }},
		{"p50", func(d *results.Distribution) *float64 { return floating(d.P50) }},
		{"p99", func(d *results.Distribution) *float64 { return floating(d.P99) }},
	} {
		values := make([]float64, 0, len(legs))
		for _, leg := range legs {
			if v := bar.of(leg.dist); v != nil {
				values = append(values, max(0, *v))
			}
		}
		if len(values) == len(legs) && slices.Max(values) > 0 {
			s.Bars = append(s.Bars, page.Bar{Name: bar.name, Values: values})
		}
	}
	if len(s.Bars) == 0 {
		return nil
	}
	return []page.Figure{{ID: "legs", Stack: s,
		Caption: "The legs one after the other. Means add up to the mean round trip; the p50 and p99 are each leg’s own and add up to no request"}}
}

// memoryFigure is the resident set over time.
func memoryFigure(m *results.Memory) []page.Figure {
	if m == nil || len(m.Curve) < 2 {
		return nil
	}
	c := &page.Curve{Lines: []page.Line{{Name: "RSS"}}}
	for i := range m.Curve {
		c.Seconds = append(c.Seconds, float64(m.Curve[i].AtNs)/1e9)
		c.Lines[0].Values = append(c.Lines[0].Values, &m.Curve[i].RSSBytes)
	}
	return []page.Figure{{ID: "rss", Curve: c, Caption: "Resident set over the run, before and after the load included"}}
}

func floating(v *int64) *float64 {
	if v == nil {
		return nil
	}
	f := float64(*v)
	return &f
}

// tailFigure shows what the slowest requests have more of than the median one.
func tailFigure(r *results.Result) []page.Figure {
	s := &page.Stack{Unit: "%"}
	share := map[string]float64{}
	for _, tail := range []*results.Tail{r.Tail, r.TailP999} {
		if tail != nil {
			for name, pct := range tail.ShareOfExcess {
				share[name] = max(share[name], pct)
			}
		}
	}
	s.Parts = slices.SortedFunc(maps.Keys(share), func(a, b string) int {
		return cmp.Or(cmp.Compare(share[b], share[a]), cmp.Compare(a, b))
	})
	if s.Parts = s.Parts[:min(len(s.Parts), 8)]; len(s.Parts) == 0 {
		return nil
	}
	for _, bar := range []struct {
		name string
		tail *results.Tail
	}{{"beyond p99", r.Tail}, {"beyond p99.9", r.TailP999}} {
		if bar.tail == nil {
			continue
		}
		b := page.Bar{Name: bar.name}
		for _, part := range s.Parts {
			b.Values = append(b.Values, max(0, bar.tail.ShareOfExcess[part]))
		}
		if slices.Max(b.Values) > 0 {
			s.Bars = append(s.Bars, b)
		}
	}
	if len(s.Bars) == 0 {
		return nil
	}
	return []page.Figure{{ID: "tail", Stack: s, Caption: "Where the slowest requests’ excess over the median one lies"}}
}

// flameFigure draws a profile by its default sample type, else by its last.
func flameFigure(id, caption string, p *profile.Profile) []page.Figure {
	if p == nil {
		return nil
	}
	f := page.FlameOf(p, sampleTypeOf(p), bandLabel)
	if f == nil {
		return nil
	}
	return []page.Figure{{ID: id, Caption: caption, Flame: f}}
}

// sampleTypeOf is the index of a profile's default sample type, else of its last.
func sampleTypeOf(p *profile.Profile) int {
	at := len(p.SampleType) - 1
	for i, t := range p.SampleType {
		if t.Type == p.DefaultSampleType {
			at = i
		}
	}
	return at
}
