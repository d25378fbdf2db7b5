// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// unmannered is running text without its manners.
func unmannered(t text) string {
	var s strings.Builder
	for _, sp := range t {
		s.WriteString(sp.text)
	}
	return spaced(s.String())
}

// withMeans gives the legs these means, in ns.
func withMeans(r *results.Result, send, queue, service, reply float64) {
	d := func(mean float64) *results.Distribution { return &results.Distribution{Count: 1000, Mean: mean} }
	r.Legs = &results.Legs{SendCall: d(send), QueueWait: d(queue), ServiceTime: d(service), ReplyDelivery: d(reply),
		RoundTrip: d(send + queue + service + reply)}
}

func TestWhatDominatesFollowsFromTheFigures(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*results.Result)
		want    string
		wantNot string
	}{
		"a busy server of one thread": {func(r *results.Result) {}, "busy with other requests (97 % of a core)", ""},
		"a queue before an idle server": {func(r *results.Result) { r.CPU.UtilisationPct = 20 },
			"used only 20 % of one core, so it was blocked or waiting to run rather than busy.", "same CPU"},
		"a queue on a shared CPU": {func(r *results.Result) { r.CPU.UtilisationPct, r.Environment.Placement.SharedPct = 20, 58 },
			"client and server were on the same CPU in 58 % of looks.", ""},
		"a queue before many threads": {func(r *results.Result) { r.Target.Threads, r.CPU.UtilisationPct = 8, 310 },
			"used 310 % of one core on 8 threads", "both legs"},
		"a queue of one": {func(r *results.Result) { r.Load.Connections = 1 },
			"with one request in flight there is no other to wait for", "busy"},
		"one connection in an open loop": {func(r *results.Result) { r.Load.Connections, r.Load.OfferedRPS = 1, ptr(100.0) },
			"busy with other requests", "one request in flight"},
		"a queue, CPU not measured": {func(r *results.Result) { r.CPU = nil }, "lay in the server’s queue before", "core"},
		"a computing service": {func(r *results.Result) { withMeans(r, 1e3, 2e3, 25e3, 2e3) },
			"spent computing (23.5 µs of CPU a request), most of all in ipc_protocol_decode (35 %)", "waiting"},
		"a computing service, functions unknown": {func(r *results.Result) { withMeans(r, 1e3, 2e3, 25e3, 2e3); r.CPU.Top = nil },
			"spent computing (23.5 µs of CPU a request).", "most of all"},
		"a service on many threads": {func(r *results.Result) { withMeans(r, 1e3, 2e3, 25e3, 2e3); r.Target.Threads = 4 },
			"spent 23.5 µs of CPU on a request whose service took 25.0 µs.", "computing"},
		"a waiting service": {func(r *results.Result) { withMeans(r, 1e3, 2e3, 250e3, 2e3) },
			"only 23.5 µs of CPU on a request whose service took 250 µs, so most of that is waiting", "computing"},
		"a service, CPU not measured": {func(r *results.Result) { withMeans(r, 1e3, 2e3, 250e3, 2e3); r.CPU = nil },
			"the time between reading a request and sending its answer", "waiting"},
		"a busy reader": {func(r *results.Result) { withMeans(r, 1, 1, 1, 97); r.Load.GeneratorCPUPct = 96 },
			"the load generator used 96 % of one core", "code"},
		"a shared CPU": {func(r *results.Result) { withMeans(r, 1, 1, 1, 97); r.Environment.Placement.SharedPct = 45 },
			"on the same CPU in 45 % of looks", "code"},
		"a slow delivery": {func(r *results.Result) { withMeans(r, 1, 1, 1, 97) }, "not the server’s own code", ""},
		"a slow send":     {func(r *results.Result) { withMeans(r, 97, 1, 1, 1) }, "What dominates is the send call", "copying"},
		"a large send": {func(r *results.Result) { withMeans(r, 97, 1, 1, 1); r.Load.PayloadBytes = 1 << 20 },
			"with 1 MiB a request, that is copying", ""},
		"a tie": {func(r *results.Result) { withMeans(r, 10, 41, 39, 10) },
			"Nothing dominates: queue wait and service time take about as long", "What dominates"},
		"no legs":                 {func(r *results.Result) { r.Legs = nil }, "", "dominates"},
		"legs without round trip": {func(r *results.Result) { r.Legs.RoundTrip = nil }, "", "dominates"},
		"legs of nothing":         {func(r *results.Result) { withMeans(r, 0, 0, 0, 0) }, "", "dominates"},
	} {
		t.Run(name, func(t *testing.T) {
			r := healthy()
			c.change(r)
			got := unmannered(dominates(r))
			if !strings.Contains(got, c.want) || c.wantNot != "" && strings.Contains(got, c.wantNot) {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestHowFast(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*results.Result)
		want   string
	}{
		"closed loop": {func(r *results.Result) {}, "ipc-gateway answers 41,300 requests/s on 4 connections (closed loop); half are back within 92.2 µs, 99 % within "},
		"pipelined":   {func(r *results.Result) { r.Load.Pipeline = 8 }, "on 4 connections with 8 in flight on each (closed loop)"},
		"in batches":  {func(r *results.Result) { r.Load.Pipeline, r.Load.Batch = 8, true }, "with 8 in flight on each, batch by batch (closed loop)"},
		"falls behind": {func(r *results.Result) { r.Load.OfferedRPS, r.Load.Arrivals = ptr(50_000.0), "constant" },
			"falls behind: of 50,000 requests/s offered it answers 41,300 (open loop, constant arrivals, 4 connections)"},
		"errors":           {func(r *results.Result) { r.Load.Requests.Error = 41_299 }, "; 9.1 % failed."},
		"a rare error":     {func(r *results.Result) { r.Load.Requests.Error = 1 }, "."},
		"no p99":           {func(r *results.Result) { r.Latency.ResponseTime.P99 = nil }, "half are back within 92.2 µs, 95 % within"},
		"one alone":        {func(r *results.Result) { r.Latency.ResponseTime = &results.Distribution{Count: 1} }, "1 request is too few to quote a percentile"},
		"no name":          {func(r *results.Result) { r.Target.Executable = "" }, "The target answers"},
		"replaced on disk": {func(r *results.Result) { r.Target.Executable = "/bin/gw (deleted)" }, "gw answers"},
		"not achieved":     {func(r *results.Result) { r.Load.AchievedRPS = nil }, "How fast ipc-gateway is was not measured."},
		"watched":          {func(r *results.Result) { r.Load = nil }, "under traffic that is not ours"},
	} {
		t.Run(name, func(t *testing.T) {
			r := healthy()
			c.change(r)
			got := unmannered(howFast(r))
			if !strings.Contains(got, c.want) || strings.Count(got, "failed") > strings.Count(c.want, "failed") {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestTheVerdictsSharesAddUpTo100(t *testing.T) {
	for _, means := range [][4]float64{{1, 1, 1, 0}, {333, 333, 334, 0}, {0.4, 0.4, 0.4, 98.8}, {12.5, 12.5, 37.5, 37.5}} {
		r := healthy()
		withMeans(r, means[0], means[1], means[2], means[3])
		var sum int64
		for _, leg := range rank(r.Legs) {
			sum += leg.share
		}
		if sum != 100 {
			t.Errorf("%v: %d", means, sum)
		}
	}
}

func TestLegsThatMissPartOfTheRoundTripSaySo(t *testing.T) {
	for name, c := range map[string]struct {
		roundTrip float64
		want      string
		row       bool
	}{
		"add up":   {100_000, "", false},
		"rounding": {100_030, "", false},
		"too few":  {125_000, "; 20 % is unaccounted for.", true},
		"too many": {80_000, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := healthy()
			withMeans(r, 10_000, 20_000, 30_000, 40_000)
			r.Legs.RoundTrip.Mean = c.roundTrip
			if got := unmannered(madeOf(r)); !strings.Contains(got, c.want) {
				t.Errorf("%s", got)
			}
			tab := legsSection(r).blocks[0].(table)
			if got := unmannered(tab.rows[len(tab.rows)-1][0]) == "unaccounted"; got != c.row {
				t.Errorf("a row of what is unaccounted: %v", got)
			}
			var sum int64
			for _, row := range tab.rows {
				sum += digits(t, unmannered(row[1]))
			}
			if want := digits(t, unmannered(tab.total[1])); sum != want {
				t.Errorf("means add up to %d, not to %d", sum, want)
			}
		})
	}
}

func TestDoctorsOutcome(t *testing.T) {
	check := func(works, required bool) results.Check {
		return results.Check{Name: "x", Works: works, Required: required}
	}
	for name, c := range map[string]struct {
		checks []results.Check
		want   string
	}{
		"nothing":           {nil, "Nothing was checked."},
		"well":              {[]results.Check{check(true, true)}, "ipcprobe run can do its whole job here."},
		"an optional lacks": {[]results.Check{check(true, true), check(false, false)}, "whole job here; 1 optional check failed."},
		"required lack":     {[]results.Check{check(false, true), check(false, true), check(false, false)}, "can’t do its whole job here: 2 required checks failed."},
	} {
		var buf bytes.Buffer
		if err := Doctor(&buf, c.checks, Style{Unicode: true}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(buf.String(), c.want) {
			t.Errorf("%s:\n%s", name, buf.String())
		}
	}
}
