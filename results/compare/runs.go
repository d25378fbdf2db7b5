// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// z975 is the 97.5 % quantile of the normal distribution.
const z975 = 1.959964

// known is a figure of one run with the standard error of its log, as far as it is
// known.
type known struct {
	value float64
	err   float64 // of the log; NaN: not known
}

// knowledge is what is known of one run, by metric.
type knowledge map[string]known

func (k knowledge) figures() Figures {
	f := Figures{}
	for name, x := range k {
		f[name] = x.value
	}
	return f
}

// Runs compares two stored runs, one of each build. Intervals come from those that
// the runs state themselves, by block bootstrap, and of CPU time from how the slices
// of a run differ. What differs from one start of a program to the next is in none
// of them: they are too narrow, and the verdict weaker than that of quads.
//
// Counts of system calls hardly vary; they have no interval and are judged by their
// points.
func Runs(a, b *results.Result) []results.MetricChange {
	left, right := figuresOf(a), figuresOf(b)
	valuesA, valuesB := left.figures(), right.figures()
	var names []string
	for name := range left {
		names = append(names, name)
	}
	for name := range right {
		if _, both := left[name]; !both {
			names = append(names, name)
		}
	}
	listed(names)
	var out []results.MetricChange
	for _, name := range names {
		t := traitOf(name)
		x, hasX := left[name]
		y, hasY := right[name]
		if !hasX && !zero(valuesA, name) || !hasY && !zero(valuesB, name) {
			continue
		}
		m := start(name)
		m.A, m.B = &x.value, &y.value
		m.ASamples, m.BSamples = samplesOf(a, name), samplesOf(b, name)
		effect := math.Log((y.value + t.resolution) / (x.value + t.resolution))
		change := pct(effect)
		if !finite(effect) || !finite(change) {
			continue
		}
		m.ChangePct = &change
		se := math.Hypot(x.err, y.err)
		if low, high := pct(effect-z975*se), pct(effect+z975*se); hasX && hasY && finite(low) && finite(high) {
			m.IntervalPct = &[2]float64{low, high}
			p := 1.0
			if se > 0 {
				p = math.Erfc(math.Abs(effect) / se / math.Sqrt2)
			}
			m.P = &p
		}
		out = append(out, m)
	}
	return out
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// JudgeRuns is Judge for stored runs, where counts are judged by their points.
func JudgeRuns(metrics []results.MetricChange, gates []Gate) (missing []string) {
	missing = Judge(metrics, gates)
	for i := range metrics {
		m := &metrics[i]
		g := slices.IndexFunc(gates, func(g Gate) bool { return g.Metric == m.Name })
		if g < 0 || m.ChangePct == nil || m.IntervalPct != nil || !steady(m.Name) {
			continue
		}
		m.Gated, m.MarginPct = true, gates[g].MarginPct
		switch {
		case *m.ChangePct > m.MarginPct:
			m.Verdict = results.Regression
		case *m.ChangePct < -m.MarginPct:
			m.Verdict = results.Improved
		default:
			m.Verdict = results.Pass
		}
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == m.Name })
	}
	return missing
}

// steady are the counts that are judged without an interval.
func steady(name string) bool { return name == Syscalls || name == Faults || name == Switches }

// figuresOf collects what a result tells of its run.
func figuresOf(r *results.Result) knowledge {
	f := knowledge{}
	unknown := math.NaN()
	if l := r.Latency; l != nil && l.ResponseTime != nil {
		d := l.ResponseTime
		for _, q := range []struct {
			name  string
			value *int64
			ends  *[2]float64
		}{{P50, d.P50, l.P50Interval}, {P90, d.P90, nil}, {P95, d.P95, nil}, {P99, d.P99, l.P99Interval}, {P999, d.P999, nil}} {
			if q.value != nil && *q.value > 0 {
				f[q.name] = known{float64(*q.value), errorOf(q.ends)}
			}
		}
	}
	if r.Load != nil && r.Load.Loop == "closed" && r.Load.AchievedRPS != nil && *r.Load.AchievedRPS > 0 {
		f[Throughput] = known{*r.Load.AchievedRPS, errorOf(r.Load.AchievedRange)}
	}
	if r.CPU != nil && r.CPU.NsPerRequest > 0 {
		f[CPUPerRequest] = known{r.CPU.NsPerRequest, sliceError(r.Run.Slices)}
	}
	if r.Memory != nil && r.Memory.FaultsPerRequest != nil {
		f[Faults] = known{*r.Memory.FaultsPerRequest, unknown}
	}
	probed := Figures{}
	probed.AddProbed(r)
	for name, value := range probed {
		f[name] = known{value, unknown}
	}
	return f
}

// errorOf is the standard error of a log whose 95 % interval has these ends.
func errorOf(ends *[2]float64) float64 {
	if ends == nil || ends[0] <= 0 || ends[1] < ends[0] {
		return math.NaN()
	}
	return (math.Log(ends[1]) - math.Log(ends[0])) / 2 / z975
}

// samplesOf are a metric's figures slice by slice; nil where slices don't have it.
func samplesOf(r *results.Result, name string) []float64 {
	var out []float64
	for _, s := range quotedSlices(r.Run.Slices) {
		switch {
		case name == P50 && s.P50 != nil:
			out = append(out, float64(*s.P50))
		case name == P99 && s.P99 != nil:
			out = append(out, float64(*s.P99))
		case name == Throughput && s.ThroughputRPS > 0:
			out = append(out, s.ThroughputRPS)
		case name == CPUPerRequest && s.CPUNs > 0 && s.Requests > 0:
			out = append(out, float64(s.CPUNs)/float64(s.Requests))
		}
	}
	return out
}

// quotedSlices are the bare ones, or all if none is bare.
func quotedSlices(all []results.RunSlice) []results.RunSlice {
	bare := slices.DeleteFunc(slices.Clone(all), func(s results.RunSlice) bool { return s.Mode != results.Bare.String() })
	if len(bare) == 0 {
		return all
	}
	return bare
}

// leastSlices is how many slices it takes to see how they differ.
const leastSlices = 5

// sliceError is the standard error of the mean log of CPU time a request over the
// slices that are quoted; of few of them widened by as much as Student's t is wider
// than the normal distribution at 97.5 % (Abramowitz and Stegun, 26.7.5).
func sliceError(all []results.RunSlice) float64 {
	var logs []float64
	for _, s := range quotedSlices(all) {
		if s.CPUNs > 0 && s.Requests > 0 {
			logs = append(logs, math.Log(float64(s.CPUNs)/float64(s.Requests)))
		}
	}
	n := float64(len(logs))
	if len(logs) < leastSlices {
		return math.NaN()
	}
	mean, square := 0.0, 0.0
	for _, x := range logs {
		mean += x / n
	}
	for _, x := range logs {
		square += (x - mean) * (x - mean)
	}
	const z2 = z975 * z975
	v := n - 1
	wider := 1 + (z2+1)/(4*v) + (5*z2*z2+16*z2+3)/(96*v*v)
	return wider * math.Sqrt(square/v/n)
}
