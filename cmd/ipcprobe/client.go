// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// What `run` and `load` have in common: the client's part of a result.

// clientLoad says what was offered and what came back. length is the time that
// the schedule's mean rate is taken over.
func clientLoad(o *load.Options, quoted *stats.Client, counts results.Counts, length time.Duration) *results.Load {
	payload, _ := o.PayloadSize() // checked with the flags
	kinds, _ := o.Kinds()
	achieved := quoted.RPS()
	l := &results.Load{
		Loop: "closed", Connections: o.Connections, Pipeline: max(1, o.Pipeline), Batch: o.Batch,
		PayloadBytes: payload, Requests: counts,
		AchievedRPS: &achieved, GeneratorCPUPct: quoted.GeneratorPct(), Kinds: kinds,
	}
	if rate, err := load.ParseRate(o.Rate); err == nil && !rate.Closed() {
		l.Loop, l.Arrivals = "open", o.Arrivals
		offered := rate.Count(length) / length.Seconds()
		l.OfferedRPS = &offered
	}
	return l
}

// uncertain adds the figures of each kind of a mix, and the confidence intervals
// of all together.
func uncertain(r *results.Result, slices []results.Slice, mode results.Mode) {
	r.Load.Kinds = stats.Kinds(r.Load.Kinds, slices, mode)
	u := stats.Bootstrap(slices, mode, r.Run.Seed)
	r.Load.AchievedRange = u.RPS
	r.Latency.P50Interval, r.Latency.P99Interval = u.P50, u.P99
	r.Warnings = append(r.Warnings, u.Warnings...)
}

// doubts are the reasons why the client's view must not be trusted. What its
// reader must know besides is a warning.
func doubts(r *results.Result, quoted *stats.Client, totals *load.Totals, o *load.Options) []string {
	offer := stats.Offer{OwnLagP99: &totals.OwnLagP99, Held: totals.Held}
	if r.Load.OfferedRPS != nil {
		offer.RPS = *r.Load.OfferedRPS
	}
	if behind := stats.Shortfall(quoted, offer); behind != "" {
		r.Warn(behind)
	}
	reasons := stats.Validity(quoted, offer)
	if failed := stats.Failures(totals.Counts, o.MaxErrors); failed != "" {
		reasons = append(reasons, failed+complaint(totals))
	}
	return reasons
}

// complaint is what the server said most often when it answered with an error,
// or else how its connections ended.
func complaint(totals *load.Totals) string {
	if word := mostOften(totals.Answers); word != "" {
		return "; it answered: " + word
	}
	if word := mostOften(totals.Endings); word != "" {
		return "; its connections ended: " + word
	}
	return ""
}

func mostOften(words map[string]int64) string {
	var most string
	for word, n := range words {
		if most == "" || n > words[most] || n == words[most] && word < most {
			most = word
		}
	}
	return most
}

// withholdHeadline takes the headline number from an invalid result.
func withholdHeadline(r *results.Result) {
	if !r.Valid {
		r.Load.AchievedRPS, r.Load.AchievedRange = nil, nil
		for i := range r.Load.Kinds {
			r.Load.Kinds[i].AchievedRPS = nil
		}
	}
}
