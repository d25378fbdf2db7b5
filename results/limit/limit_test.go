// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func ptr[T any](v T) *T { return &v }

func whole() *results.Result {
	return &results.Result{
		Load:    &results.Load{AchievedRPS: ptr(5207.0), Requests: results.Counts{OK: 990, Error: 10}},
		Latency: &results.Latency{ResponseTime: &results.Distribution{Count: 3000, P50: ptr(int64(5e5)), P99: ptr(int64(53e5)), Max: 127e5}},
		Legs:    &results.Legs{QueueWait: &results.Distribution{Count: 3000, P99: ptr(int64(2e6))}},
		CPU:     &results.CPU{UtilisationPct: 28, NsPerRequest: 40_000},
		Memory: &results.Memory{RSSBaselineBytes: 12e6, RSSPeakBytes: 45e6, RSSFinalBytes: 13e6, FaultsPerRequest: ptr(0.25),
			Leak: &results.Leak{Verdict: results.LeakNone, BytesPer1000: ptr(12.0)}},
		Syscalls: []results.Syscall{{CallsPerRequest: 2}, {CallsPerRequest: 1.5}},
	}
}

func TestLimitsAreJudged(t *testing.T) {
	for text, want := range map[string]struct {
		outcome  Outcome
		measured float64
	}{
		"p99<10ms":                 {Met, 53e5},
		"p99 < 5300us":             {Missed, 53e5},
		"p99<=5300us":              {Met, 53e5},
		"P50<1ms":                  {Met, 5e5},
		"max<10ms":                 {Missed, 127e5},
		"p99.9<1s":                 {Inconclusive, 0},
		"throughput>5000":          {Met, 5207},
		"throughput>5207":          {Missed, 5207},
		"rps>=5207/s":              {Met, 5207},
		"rss<50MB":                 {Met, 45e6},
		"rss<45MB":                 {Missed, 45e6},
		"rss<=45 MB":               {Met, 45e6},
		"rss<43MiB":                {Met, 45e6},
		"rss_final<13MB":           {Missed, 13e6},
		"rss_growth<=1MB":          {Met, 1e6},
		"cpu<30%":                  {Met, 28},
		"cpu<28":                   {Missed, 28},
		"cpu_per_request<39us":     {Missed, 40_000},
		"errors<1%":                {Missed, 1},
		"errors<=1%":               {Met, 1},
		"syscalls_per_request<3.6": {Met, 3.5},
		"faults_per_request<0.2":   {Missed, 0.25},
		"queue_wait_p99<5ms":       {Met, 2e6},
		"service_time_p99<5ms":     {Inconclusive, 0},
		"leak=none":                {Met, 12},
	} {
		rule, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := rule.Judge(whole())
		if sum := Sum([]results.Limit{got}); sum != want.outcome {
			t.Errorf("%s: outcome %d, want %d: %+v", text, sum, want.outcome, got)
		}
		if want.outcome == Inconclusive {
			if got.Measured != nil || got.Reason == "" {
				t.Errorf("%s: %+v, want no figure and a reason", text, got)
			}
		} else if got.Measured == nil || *got.Measured != want.measured {
			t.Errorf("%s: measured %v, want %v", text, got.Measured, want.measured)
		}
	}
}

func TestALeakIsJudgedByItsVerdict(t *testing.T) {
	rule, err := Parse("leak = none")
	if err != nil {
		t.Fatal(err)
	}
	for verdict, want := range map[string]Outcome{
		results.LeakNone: Met, results.LeakFound: Missed, results.LeakInconclusive: Inconclusive,
	} {
		r := whole()
		r.Memory.Leak = &results.Leak{Verdict: verdict, Reason: "as said"}
		if got := Judge([]Rule{rule}, r); Sum(got) != want {
			t.Errorf("%s: %+v", verdict, got)
		}
	}
}

func TestNothingMeasuredIsInconclusive(t *testing.T) {
	for _, name := range Metrics() {
		m, _ := find(name)
		bound := "<"
		if m.more {
			bound = ">"
		}
		if m.unit == leakUnit {
			bound = "="
		}
		rule, err := Parse(name + bound + m.example)
		if err != nil {
			t.Errorf("%s: its own example is refused: %v", name, err)
			continue
		}
		if got := rule.Judge(&results.Result{}); !got.Inconclusive() || got.Reason == "" {
			t.Errorf("%s of nothing: %+v", name, got)
		}
	}
}

func TestAMissedLimitOutweighsAnInconclusiveOne(t *testing.T) {
	met, missed, open := results.Limit{Met: true, Measured: ptr(1.0)}, results.Limit{Measured: ptr(1.0)}, results.Limit{}
	for _, c := range []struct {
		all  []results.Limit
		want Outcome
	}{
		{nil, Met}, {[]results.Limit{met, met}, Met}, {[]results.Limit{open, met}, Inconclusive},
		{[]results.Limit{open, missed, met}, Missed}, {[]results.Limit{missed, open}, Missed},
	} {
		if got := Sum(c.all); got != c.want {
			t.Errorf("%+v: %d, want %d", c.all, got, c.want)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "is no limit",
		"p99":                     "is no limit",
		"p98<10ms":                "not a figure that can be limited",
		"speed<9":                 "there are throughput, p50",
		"p99<10":                  "say p99<10ms",
		"p99<-10ms":               "not a value",
		"p99<0ms":                 "not a value",
		"p99>10ms":                "met by a bad server",
		"p99=10ms":                "met by a bad server",
		"p99<<10ms":               "not a value",
		"throughput<5000":         "say throughput>5000",
		"throughput>fast":         "not a value",
		"throughput>NaN":          "not a value",
		"rss<50":                  "say rss<50MB",
		"rss<50MeB":               "not a value",
		"rss<1e999MB":             "not a value",
		"cpu<30ms":                "not a value",
		"cpu<%":                   "not a value",
		"leak<5":                  "leak=none",
		"leak=some":               "leak=none",
		"leak=":                   "leak=none",
		strings.Repeat("p", 1000): "1000 characters",
	} {
		rule, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %+v, %v; want …%s…", text, rule, err, want)
		}
	}
}

func TestTheFlagCollects(t *testing.T) {
	var f Flag
	for _, text := range []string{"p99<10ms", "rss<50MB, leak=none"} {
		if err := f.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.String(); got != "p99<1e+07,rss<5e+07,leak=none" {
		t.Errorf("got %s", got)
	}
	if err := f.Set("P99<5ms"); err == nil || !strings.Contains(err.Error(), "limited twice") {
		t.Errorf("a second limit on p99: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"p99<10ms", "throughput>=5000/s", "rss<50MiB", "cpu<30%", "leak=none", "p99.9<1h2m", "errors<.", "=", "rss<1e9B"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := Parse(text)
		if err != nil {
			return
		}
		if !(rule.Limit >= 0) || rule.Metric == "" {
			t.Errorf("%q: %+v", text, rule)
		}
		if l := rule.Judge(whole()); l.Met && l.Measured == nil {
			t.Errorf("%q: met without a figure: %+v", text, l)
		}
	})
}
