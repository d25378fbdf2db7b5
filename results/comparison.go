// SPDX-License-Identifier: Apache-2.0

package results

// ComparisonVersion is the version of comparison.json that this program writes.
const ComparisonVersion = 1

// Where a comparison's evidence comes from.
const (
	EvidenceQuads = "quads" // both alive, in turn, restarted: see package compare
	EvidenceRuns  = "runs"  // two stored runs, one of each
)

// Verdict says what a comparison came to, in one metric or in all.
type Verdict string

// The verdicts. Better and worse are those of the second build, B.
const (
	Regression   Verdict = "regression"
	Pass         Verdict = "pass"
	Improved     Verdict = "improved"
	Inconclusive Verdict = "inconclusive"
	NoVerdict    Verdict = "none" // not judged, or too few quads
)

// Comparison is what two builds, A and B, came to under the same load:
// comparison.json. Changes are those of B against A.
type Comparison struct {
	SchemaVersion  int      `json:"schema_version"`
	Valid          bool     `json:"valid"`
	InvalidReasons []string `json:"invalid_reasons"`
	Warnings       []string `json:"warnings"`

	Name     string  `json:"name"`
	Evidence string  `json:"evidence"` // "quads" or "runs"
	Verdict  Verdict `json:"verdict"`  // of all gated metrics together
	Reason   string  `json:"reason"`   // what it rests on, in words

	Tool        Tool            `json:"tool"`
	StartedAt   string          `json:"started_at,omitempty"` // RFC 3339, UTC
	DurationNs  int64           `json:"duration_ns,omitempty"`
	Command     []string        `json:"command,omitempty"`
	Environment Environment     `json:"environment"`
	Load        *Load           `json:"load,omitempty"` // what was offered to both; of B where it came back
	A           ComparisonSide  `json:"a"`
	B           ComparisonSide  `json:"b"`
	Design      *QuadDesign     `json:"design,omitempty"` // of quads only
	Metrics     []MetricChange  `json:"metrics"`
	Limits      []Limit         `json:"limits,omitempty"` // of --limit, held against B
	Prediction  *Prediction     `json:"prediction,omitempty"`
	Differences []RunDifference `json:"differences,omitempty"` // for which --force was given
}

// Invalidate marks the comparison untrustworthy and keeps the reason.
func (c *Comparison) Invalidate(reason string) {
	c.Valid = false
	c.InvalidReasons = append(c.InvalidReasons, reason)
}

// Withhold takes back what an untrustworthy comparison must not say: the verdicts, what
// explains changes, and the prediction that they'd be held against. The figures stay,
// to see by what it went wrong.
func (c *Comparison) Withhold() {
	if c.Valid {
		return
	}
	c.Verdict, c.Reason, c.Prediction = NoVerdict, "the comparison is invalid", nil
	for i := range c.Metrics {
		c.Metrics[i].Verdict, c.Metrics[i].Explanation = NoVerdict, ""
	}
}

// Warn keeps a sentence that the reader must see.
func (c *Comparison) Warn(warning string) { c.Warnings = append(c.Warnings, warning) }

// ComparisonSide is one of the two builds.
type ComparisonSide struct {
	Name        string   `json:"name"`
	Run         string   `json:"run,omitempty"` // folder of the stored run
	Executable  string   `json:"executable"`
	BuildID     string   `json:"build_id,omitempty"`
	Command     []string `json:"command"`
	CapacityRPS *float64 `json:"capacity_rps,omitempty"` // closed loop, before the quads
	Requests    int64    `json:"requests"`               // answered, in all slices that count
}

// QuadDesign is how the quads were laid out.
type QuadDesign struct {
	Preset   string   `json:"preset,omitempty"`
	Seed     uint64   `json:"seed"`     // of the coin and of the arrivals
	Order    []string `json:"order"`    // "ABBA", "BAAB"; "AAAA" builds the noise floor
	SliceNs  int64    `json:"slice_ns"` // length of each of a quad's four slices
	WarmupNs int64    `json:"warmup_ns"`
	Probed   int      `json:"probed"` // quads of which both builds were probed too
}

// MetricChange is one metric of both builds.
type MetricChange struct {
	Name   string `json:"name"`
	Unit   string `json:"unit"`   // "ns", "requests/s", "1/request", "bytes"
	Better string `json:"better"` // "lower", "higher"; "" where neither is
	Source string `json:"source"` // "bare" or "probed" slices

	A           *float64    `json:"a"` // of the quads: the median
	B           *float64    `json:"b"`
	ASamples    []float64   `json:"a_samples,omitempty"` // a quad each; of runs a bare slice each
	BSamples    []float64   `json:"b_samples,omitempty"`
	ChangePct   *float64    `json:"change_pct"`   // of B against A
	IntervalPct *[2]float64 `json:"interval_pct"` // 95 %; nil where there is none

	Gated         bool      `json:"gated"`
	MarginPct     float64   `json:"margin_pct"`          // how much worse still passes
	FloorPct      *float64  `json:"floor_pct,omitempty"` // what A against itself shows
	P             *float64  `json:"p,omitempty"`         // two-sided, of no change
	PAdjusted     *float64  `json:"p_adjusted,omitempty"`
	Effects       []float64 `json:"effects,omitempty"`      // a quad each: log of B over A
	NullEffects   []float64 `json:"null_effects,omitempty"` // of the quads of A against itself
	Verdict       Verdict   `json:"verdict"`
	QuadsToSettle *int      `json:"quads_to_settle,omitempty"` // of an inconclusive one
	Explanation   string    `json:"explanation,omitempty"`
}

// Prediction is what A's own run said of a build that copies nothing, and what came
// of it. Both are of CPU time a request: how many more requests the same time would
// serve, percent.
type Prediction struct {
	HeadroomPct float64     `json:"zero_copy_headroom_pct"` // at most, without any copy
	BatchingPct float64     `json:"batching_headroom_pct"`  // at most, with all calls made one
	Interval    *[2]float64 `json:"zero_copy_headroom_interval,omitempty"`
	MeasuredPct *float64    `json:"measured_pct"` // nil when CPU a request was not measured
}

// RunDifference is one thing that makes two runs another measurement.
type RunDifference struct {
	What string `json:"what"`
	A    string `json:"a"`
	B    string `json:"b"`
}
