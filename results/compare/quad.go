// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// LeastQuads is how many quads a verdict takes: with fewer not even all of one
// sign reach 95 %.
const LeastQuads = 6

// Figures are what was measured of one side of a quad, by metric.
type Figures map[string]float64

// Quad holds both sides of a quad. A null quad has A on both.
type Quad struct {
	Null bool
	A, B Figures
}

// AddBare adds what the client saw in the bare slices of one side, merged, and the
// target's CPU time there. A quantile that the count can't support is not there.
func (f Figures) AddBare(response *results.Distribution, cpu *results.CPU) {
	if d := response; d != nil {
		for name, q := range map[string]*int64{P50: d.P50, P90: d.P90, P95: d.P95, P99: d.P99, P999: d.P999} {
			if q != nil {
				f[name] = float64(*q)
			}
		}
	}
	if cpu != nil && cpu.NsPerRequest > 0 {
		f[CPUPerRequest] = cpu.NsPerRequest
	}
}

// Work counts what a process has done since it started, read from outside.
type Work struct {
	Switches int64 // context switches of all threads, those of ended threads left out
	Faults   int64 // page faults, of all threads
}

// AddWork adds what the target did in bare slices, a request.
func (f Figures) AddWork(w Work, requests int64) {
	if requests > 0 {
		f[Switches] = float64(w.Switches) / float64(requests)
		f[Faults] = float64(w.Faults) / float64(requests)
	}
}

// AddProbed adds what the kernel saw: system calls by name and the means of the
// legs.
func (f Figures) AddProbed(r *results.Result) {
	if len(r.Syscalls) > 0 {
		sum := 0.0
		for i := range r.Syscalls {
			s := &r.Syscalls[i]
			sum += s.CallsPerRequest
			f[CallsPrefix+s.Name] = s.CallsPerRequest
			if s.BytesPerCall != nil {
				f[BytesPrefix+s.Name] = *s.BytesPerCall
			}
		}
		f[Syscalls] = sum
	}
	if r.Legs == nil {
		return
	}
	for name, d := range map[string]*results.Distribution{
		"send_call": r.Legs.SendCall, "queue_wait": r.Legs.QueueWait,
		"service_time": r.Legs.ServiceTime, "reply_delivery": r.Legs.ReplyDelivery,
	} {
		if d != nil {
			f[LegPrefix+name] = d.Mean
		}
	}
}

// Locate gives the centre of effects and its 95 % interval; false where there are too
// few for one. It is stats.Location.
type Locate func(effects []float64) (results.Estimate, bool)

// Quads compares metric by metric, each over the quads that have it on both sides.
// Nothing is judged yet.
func Quads(quads []Quad, centre Locate) []results.MetricChange {
	var out []results.MetricChange
	for _, name := range namesOf(quads) {
		m := start(name)
		add := traitOf(name).resolution
		var as, bs []float64
		for _, q := range quads {
			a, hasA := q.A[name]
			b, hasB := q.B[name]
			if !hasA && !zero(q.A, name) || !hasB && !zero(q.B, name) || !hasA && !hasB {
				continue
			}
			effect := math.Log((b + add) / (a + add))
			if !finite(effect) {
				continue
			}
			if q.Null {
				m.NullEffects = append(m.NullEffects, effect)
				continue
			}
			m.Effects = append(m.Effects, effect)
			as, bs = append(as, a), append(bs, b)
		}
		if len(m.Effects) == 0 {
			continue
		}
		a, b := median(as), median(bs)
		m.A, m.B, m.ASamples, m.BSamples = &a, &b, as, bs
		locate(&m, centre)
		out = append(out, m)
	}
	return out
}

// zero says whether a figure that is missing is a count of 0: a system call that only
// the other build makes.
func zero(f Figures, name string) bool {
	_, counted := f[Syscalls]
	return counted && strings.HasPrefix(name, CallsPrefix)
}

func namesOf(quads []Quad) []string {
	seen := map[string]bool{}
	var names []string
	for _, q := range quads {
		for _, f := range []Figures{q.A, q.B} {
			for name := range f {
				if !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	listed(names)
	return names
}

// locate makes point, interval and chance of the effects.
func locate(m *results.MetricChange, centre Locate) {
	e, ok := centre(m.Effects)
	change := pct(e.Point)
	m.ChangePct = &change
	if ok && len(m.Effects) >= LeastQuads {
		m.IntervalPct = &[2]float64{pct(e.Interval[0]), pct(e.Interval[1])}
		p := signFlip(m.Effects)
		m.P = &p
	}
	if floor, ok := floorOf(m.NullEffects, len(m.Effects)); ok {
		m.FloorPct = &floor
	}
}

// floorOf is the change, in percent, that A against itself would show in as many
// quads: twice the standard error of their mean, of the root mean square of the
// null effects about zero.
func floorOf(nulls []float64, quads int) (float64, bool) {
	if len(nulls) == 0 || quads == 0 {
		return 0, false
	}
	sum := 0.0
	for _, x := range nulls {
		sum += x * x
	}
	return pct(2 * math.Sqrt(sum/float64(len(nulls))/float64(quads))), true
}

func pct(log float64) float64 { return 100 * math.Expm1(log) }

func logOf(percent float64) float64 { return math.Log1p(percent / 100) }

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
