// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func rateProbe(rate, achieved float64, p50, p99 int64, outcome, note string) results.RateProbe {
	p := results.RateProbe{
		StartNs: 2e9, DurationNs: 1e9, OfferedRPS: rate, AchievedRPS: achieved, Outcome: outcome, Note: note,
		Requests: int64(achieved), ServerCPUPct: ptr(rate / 100), GeneratorCPUPct: 12, OwnLagP99: 40_000, IdlePct: 40,
	}
	if p50 > 0 {
		p.P50, p.P90, p.P95, p.P99 = ptr(p50), ptr(p50), ptr(p99), ptr(p99)
	}
	return p
}

// searched is a search that came to its end.
func searched() *results.Result {
	r := searchedNothing()
	r.Search.RateRPS, r.Search.Interval = ptr(9_712.4), ptr([2]float64{9_590, 9_801})
	r.Search.GaveWay, r.Search.Reason = results.GaveServerCPU, "at 9960 requests/s the server used 99 % of a core, all that its one thread can"
	r.Search.EndedBy = "the interval is narrow enough"
	r.Search.Probes = []results.RateProbe{
		rateProbe(10_021, 9_987, 8_100_000, 31_000_000, results.ProbeMissed, "p99"),
		rateProbe(5_010, 5_002, 130_000, 410_000, results.ProbeMet, ""),
		rateProbe(9_712, 9_700, 1_100_000, 12_900_000, results.ProbeLate, "p99"),
		rateProbe(9_712, 9_715, 900_000, 7_900_000, results.ProbeMet, ""),
		rateProbe(20_000, 0, 0, 0, results.ProbeDied, "no connection to the server is left\x1b[31m"),
	}
	return r
}

// searchedNothing is a search without an answer.
func searchedNothing() *results.Result {
	r := healthy()
	r.Search = &results.Search{
		Limits:    []results.SearchLimit{{Metric: "p99", LimitNs: 10_000_000}, {Metric: "p99_9", LimitNs: 50_000_000}},
		ClosedRPS: 10_105, GaveWay: results.GaveNothing, Reason: "no probe missed a limit",
		EndedBy: "no rate keeps the limits, however low", Probes: []results.RateProbe{},
	}
	return r
}

func curved() *results.Result {
	r := healthy()
	r.Curve = &results.Curve{ClosedRPS: 10_105, Steps: []results.RateProbe{
		rateProbe(202, 201, 101_000, 0, results.ProbePlain, ""),
		rateProbe(5_010, 5_002, 130_000, 410_000, results.ProbePlain, ""),
		rateProbe(9_712, 9_715, 900_000, 7_900_000, results.ProbeLate, "the load generator was late"),
		rateProbe(10_610, 10_100, 21_000_000, 61_000_000, results.ProbePlain, ""),
	}}
	r.Curve.Steps[0].P99 = nil
	return r
}

func TestSearchesAndCurvesAreAsTheirGoldens(t *testing.T) {
	bound := searched()
	bound.Search.LowerBound = true
	bound.Invalidate("the server's capacity is not known")
	for name, write := range map[string]func(io.Writer) error{
		"search.txt":      func(w io.Writer) error { return SearchText(w, searched(), Style{Unicode: true}) },
		"search-none.txt": func(w io.Writer) error { return SearchText(w, searchedNothing(), Style{}) },
		"search-late.txt": func(w io.Writer) error { return SearchText(w, bound, Style{Unicode: true}) },
		"curve.txt":       func(w io.Writer) error { return CurveText(w, curved(), Style{Unicode: true}) },
		"curve.ascii.txt": func(w io.Writer) error { return CurveText(w, curved(), Style{Width: 64}) },
	} {
		text := golden(t, name, write)
		for i, line := range strings.Split(string(text), "\n") {
			checkLine(t, name+": line "+count(int64(i+1)), line, 80)
		}
	}
}

func TestSearchesAndCurvesSatisfyTheSchema(t *testing.T) {
	for name, r := range map[string]*results.Result{"search": searched(), "no answer": searchedNothing(), "curve": curved()} {
		doc := encoded(t, r)
		if err := schema(t).Validate(decoded(t, doc)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back, err := readBack(doc)
		if err != nil {
			t.Fatal(err)
		}
		if again := encoded(t, back); !bytes.Equal(doc, again) {
			t.Errorf("%s changed on the way", name)
		}
	}
}

func TestACurveOfNothingIsNotDrawn(t *testing.T) {
	for name, steps := range map[string][]results.RateProbe{
		"no step": nil, "no percentile": {rateProbe(100, 0, 0, 0, results.ProbePlain, "")},
		"a rate of nothing": {rateProbe(0, 0, 1, 1, results.ProbePlain, "")},
	} {
		if got := drawCurve(steps, Style{}); got != nil {
			t.Errorf("%s: %d lines", name, len(got))
		}
	}
}

func TestWritersErrorsOfSearchesComeBack(t *testing.T) {
	if SearchText(failing{}, searched(), Style{}) == nil || CurveText(failing{}, curved(), Style{}) == nil {
		t.Error("no error")
	}
}
