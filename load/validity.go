// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"math"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// Evidence is what decides whether a load's figures can be trusted: sums over
// the slices they are quoted from.
type Evidence struct {
	Due       float64 // open loop: requests that the schedule asked for; 0 in a closed loop
	Sent      int64   // begun in the slices
	Ended     int64   // ended in the slices, one way or another
	Held      int64   // requests that waited because no connection had room
	OwnLagP99 int64   // ns by which the generator itself was late (Totals)
	Counts    results.Counts
	MaxErrors float64 // percent

	response *histogram
	lag      *histogram
}

// Verdict is the outcome of the rule: valid without a reason to doubt.
type Verdict struct {
	Invalid  []string // why the figures must not be used, each a sentence
	Warnings []string // what their reader must know
}

// AddSlice adds the figures of one slice.
func (e *Evidence) AddSlice(s results.Slice) {
	if e.response == nil {
		e.response, e.lag = results.NewHistogram(), results.NewHistogram()
	}
	for i := range s.Intervals {
		v := &s.Intervals[i]
		e.Sent += v.Counts.Sent
		e.Ended += v.Counts.OK + v.Counts.Failed()
		e.response.Merge(v.ResponseTime)
		e.lag.Merge(v.SendLag)
	}
}

// The rule's margins.
const (
	lagShare  = 10 // percent of the response time's p99 that the send lag's may reach
	rateShare = 1  // percent that the achieved rate may lie below the offered
)

// Judge applies the rule: a generator that was itself late, or sent less than
// it should while the server was not the cause, has measured itself; so has a
// load most of whose requests failed. What the server is the cause of is no
// reason against the figures, but their reader must know.
func (e *Evidence) Judge() Verdict {
	var v Verdict
	if failed, all := e.Counts.Failed(), e.Counts.OK+e.Counts.Failed(); all > 0 {
		if pct := 100 * float64(failed) / float64(all); pct > e.MaxErrors {
			v.Invalid = append(v.Invalid, fmt.Sprintf("%.1f %% of the requests failed (%d of %d); --max-errors allows %g %%",
				pct, failed, all, e.MaxErrors))
		}
	}
	if e.response == nil || e.response.TotalCount() == 0 {
		v.Invalid = append(v.Invalid, "no request was answered in the measured part")
		return v
	}
	if e.Due == 0 {
		return v
	}
	p99 := e.response.ValueAtQuantile(99)
	if 100*e.OwnLagP99 > lagShare*p99 {
		v.Invalid = append(v.Invalid, fmt.Sprintf("the generator was late: its send lag's p99 is %s, more than %d %% of the response time's p99 of %s; give it a CPU of its own or ask for a lower rate",
			shortly(e.OwnLagP99), lagShare, shortly(p99)))
	}
	e.judgeRate(&v)
	return v
}

// judgeRate compares what came back with what was due. Due is a mean: Poisson
// arrivals scatter around it by its root.
func (e *Evidence) judgeRate(v *Verdict) {
	if e.Due <= 0 {
		return
	}
	short := 100 * (e.Due - float64(e.Ended)) / e.Due
	scatter := 100 * 4 / math.Sqrt(e.Due)
	if short <= rateShare || short <= scatter {
		return
	}
	unsent := 100 * (e.Due - float64(e.Sent)) / e.Due
	if e.Held > 0 || unsent <= rateShare || unsent <= scatter {
		v.Warnings = append(v.Warnings, fmt.Sprintf("the server did not keep up: %.1f %% fewer requests were answered than were due; response times grow with the length of such a run", short))
		return
	}
	v.Invalid = append(v.Invalid, fmt.Sprintf("the generator sent %.1f %% fewer requests than were due, and the server was not the cause", unsent))
}

// shortly words a duration for a sentence.
func shortly(ns int64) string { return time.Duration(ns).Round(roundTo(ns)).String() }

// roundTo leaves three digits of ns, about.
func roundTo(ns int64) time.Duration {
	unit := time.Duration(1)
	for ns >= 1000 {
		ns, unit = ns/10, unit*10
	}
	return unit
}
