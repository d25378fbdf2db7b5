// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/perf/benchfmt"

	"github.com/ipcprobe/ipcprobe/results"
)

const comparisonSchema = "../../docs/comparison.schema.json"

// duelled is a comparison in quads.
func duelled() *results.Comparison {
	c := &results.Comparison{
		SchemaVersion: 1, Valid: true, Name: "v2.0", Evidence: results.EvidenceQuads,
		Verdict: results.Improved, Reason: "better: p99, CPU a request",
		Tool: results.Tool{Version: "1.0.0", Commit: "abc"}, StartedAt: "2026-11-25T10:00:00Z", DurationNs: 90e9,
		Command:     []string{"ipcprobe", "compare"},
		Environment: healthy().Environment,
		Load: &results.Load{Loop: "open", Arrivals: "poisson", Connections: 4, Pipeline: 1, OfferedRPS: ptr(25000.0),
			AchievedRPS: ptr(25010.0), PayloadBytes: 256, Requests: results.Counts{Sent: 600000, OK: 600000}},
		A: results.ComparisonSide{Name: "ipc-gateway-v1", Executable: "/opt/ipc-gateway-v1", BuildID: "aa",
			Command: []string{"/opt/ipcgateway", "--socket", "{socket}"}, CapacityRPS: ptr(41300.0), Requests: 600000},
		B: results.ComparisonSide{Name: "ipc-gateway-v2", Executable: "/opt/ipc-gateway-v2",
			Command: []string{"/opt/ipcgateway", "--build", "v2", "--socket", "{socket}"}, CapacityRPS: ptr(61300.0), Requests: 600000},
		Design: &results.QuadDesign{Preset: "quick", Seed: 7, Order: []string{"ABBA", "AAAA", "BAAB"}, SliceNs: 1e9, WarmupNs: 2e8, Probed: 2},
		Metrics: []results.MetricChange{
			{Name: "p50", Unit: "ns", Better: "lower", Source: "bare", A: ptr(92100.0), B: ptr(80100.0), ChangePct: ptr(-13.2),
				IntervalPct: &[2]float64{-14.1, -12.2}, Gated: true, MarginPct: 3, FloorPct: ptr(0.8), P: ptr(0.001), PAdjusted: ptr(0.004),
				Effects: []float64{-0.14, -0.15}, NullEffects: []float64{0.004}, ASamples: []float64{92000, 92200}, BSamples: []float64{80000, 80200},
				Verdict: results.Improved, Explanation: "2.0 → 1.1 recvfrom per request"},
			{Name: "p99", Unit: "ns", Better: "lower", Source: "bare", A: ptr(158000.0), B: ptr(129000.0), ChangePct: ptr(-18.0),
				IntervalPct: &[2]float64{-22, 4}, Gated: true, MarginPct: 3, FloorPct: ptr(4.1), P: ptr(0.06), PAdjusted: ptr(0.12),
				ASamples: []float64{150000, 160000}, BSamples: []float64{130000, 128000}, Effects: []float64{-0.2, -0.1},
				Verdict: results.Inconclusive, QuadsToSettle: ptr(31), Explanation: "2.0 → 1.1 recvfrom per request; service time 3.3 → 0.77 µs"},
			{Name: "cpu_per_request", Unit: "ns", Better: "lower", Source: "bare", A: ptr(5030.0), B: ptr(2170.0), ChangePct: ptr(-56.9),
				IntervalPct: &[2]float64{-58, -52.4}, Gated: true, MarginPct: 3, Verdict: results.Improved,
				ASamples: []float64{5030, 5040}, BSamples: []float64{2170, 2160}, Effects: []float64{-0.8, -0.8}},
			{Name: "context_switches", Unit: "1/request", Better: "lower", Source: "bare", A: ptr(0.98), B: ptr(0.77), ChangePct: ptr(-21.0),
				Gated: true, MarginPct: 10, Verdict: results.NoVerdict},
			{Name: "calls.recvfrom", Unit: "1/request", Better: "lower", Source: "probed", A: ptr(2.0), B: ptr(1.1), ChangePct: ptr(-45.0), Verdict: results.NoVerdict},
			{Name: "calls.sendmsg", Unit: "1/request", Better: "lower", Source: "probed", A: ptr(0.0), B: ptr(1.0), ChangePct: ptr(1e4), Verdict: results.NoVerdict},
			{Name: "bytes_per_call.recvfrom", Unit: "bytes", Source: "probed", A: ptr(262.0), B: ptr(2096.0), ChangePct: ptr(700.0), Verdict: results.NoVerdict},
			{Name: "leg.service_time", Unit: "ns", Better: "lower", Source: "probed", A: ptr(3250.0), B: ptr(770.0), ChangePct: ptr(-76.3), Verdict: results.NoVerdict},
		},
		Limits:     []results.Limit{{Metric: "p99", Bound: "<", Limit: 1e7, Measured: ptr(129000.0), Met: true, Unit: "ns"}},
		Prediction: &results.Prediction{HeadroomPct: 15, BatchingPct: 196, Interval: &[2]float64{9, 21}, MeasuredPct: ptr(131.8)},
		Warnings:   []string{"under A, the server was at its limit"},
	}
	return c
}

// forced is one of stored runs that are no match, with names that mean harm.
func forced() *results.Comparison {
	c := duelled()
	c.Evidence, c.Design, c.Prediction, c.Limits = results.EvidenceRuns, nil, nil, nil
	c.Verdict, c.Reason = results.Regression, "worse: p50"
	c.Metrics = c.Metrics[:1]
	c.Metrics[0].Verdict = results.Regression
	c.A.Name, c.B.Name = "a`|\x1b[31m<b>", strings.Repeat("long", 60)
	c.A.Run, c.B.Run = "results/a", "results/b"
	c.Differences = []results.RunDifference{{What: "kernel", A: "6.1|*x*", B: "6.18\n# head"}, {What: "pipeline", A: "1", B: "8"}}
	return c
}

func spoiled() *results.Comparison {
	c := duelled()
	c.Invalidate("under A, the load generator was late")
	c.Metrics = nil
	return c
}

var duels = map[string]func() *results.Comparison{"quads": duelled, "forced": forced, "spoiled": spoiled}

func TestComparisonsAreAsTheirGoldens(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(comparisonSchema)
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range duels {
		text := golden(t, "comparison-"+name+".txt", func(w io.Writer) error { return ComparisonText(w, make(), Style{Unicode: true}) })
		for line := range strings.Lines(string(text)) {
			if n := cells(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s: a line of %d columns: %s", name, n, line)
			}
		}
		golden(t, "comparison-"+name+".md", func(w io.Writer) error { return ComparisonMarkdown(w, make()) })
		doc := golden(t, "comparison-"+name+".json", func(w io.Writer) error { return ComparisonJSON(w, make()) })
		if err := schema.Validate(decoded(t, doc)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden(t, "comparison-"+name+".bench.txt", func(w io.Writer) error { return Bench(w, make()) })
	}
}

func TestTheComparisonSchemaNamesEveryKey(t *testing.T) {
	doc, err := os.ReadFile(comparisonSchema)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(doc, &root); err != nil {
		t.Fatal(err)
	}
	compareType(t, root, root, reflect.TypeFor[results.Comparison](), "comparison")
}

func TestComparisonsInASCIIAreASCII(t *testing.T) {
	for name, make := range duels {
		var out bytes.Buffer
		if err := ComparisonText(&out, make(), Style{}); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r > '~' || r < ' ' && r != '\n' {
				t.Errorf("%s holds %q", name, r)
				break
			}
		}
	}
}

// TestBenchmarkLinesAreRead holds bench.txt against the parser that benchstat is made
// of.
func TestBenchmarkLinesAreRead(t *testing.T) {
	var out bytes.Buffer
	if err := Bench(&out, duelled()); err != nil {
		t.Fatal(err)
	}
	sides := map[string]int{}
	reader := benchfmt.NewReader(&out, "bench.txt")
	for reader.Scan() {
		switch line := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("line %d: %s", line.Line, line.Msg)
		case *benchfmt.Result:
			_, parts := line.Name.Parts()
			if len(parts) != 1 || line.GetConfig("kernel") == "" || line.GetConfig("cpu") == "" {
				t.Fatalf("%s has parts %q, config %v", line.Name, parts, line.Config)
			}
			sides[string(parts[0])]++
			if p50, ok := line.Value("p50-sec"); !ok || p50 < 80e-6 || p50 > 93e-6 {
				t.Errorf("p50 is %v s: %v", p50, line.Values)
			}
			if _, ok := line.Value("cpu-sec/req"); !ok {
				t.Errorf("no CPU a request: %v", line.Values)
			}
		}
	}
	if err := reader.Err(); err != nil {
		t.Fatal(err)
	}
	if sides["/build=a"] != 2 || sides["/build=b"] != 2 {
		t.Errorf("lines by side: %v", sides)
	}
}
