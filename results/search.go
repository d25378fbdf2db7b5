// SPDX-License-Identifier: Apache-2.0

package results

// What came of a probe: a short open-loop load at one rate.
const (
	ProbeMet    = "met"    // every limit was kept
	ProbeMissed = "missed" // a limit was not
	ProbeLate   = "late"   // a limit was not, and the load generator was late itself: it says nothing of the server
	ProbePlain  = "plain"  // there is no limit: a step of a curve
	ProbeDied   = "died"   // the connections died and none could be opened again
)

// What gave way where a limit was missed.
const (
	GaveServerCPU = "server_cpu" // the server has no CPU time left
	GaveQueue     = "queue"      // requests wait for each other, with CPU time left
	GaveUpstream  = "upstream"   // the server waits for something else than a CPU
	GaveGenerator = "generator"  // the load generator, not the server
	GaveMachine   = "machine"    // the machine's CPUs: stolen or all busy
	GaveErrors    = "errors"     // requests failed
	GaveUnknown   = "unknown"    // the server, whose process is not known
	GaveNothing   = "nothing"    // no probe missed a limit
)

// Search is the highest rate of an open loop at which a server keeps within its
// limits.
type Search struct {
	Limits     []SearchLimit `json:"limits"`
	RateRPS    *float64      `json:"rate_rps"`   // nil: no rate is known to keep the limits
	Interval   *[2]float64   `json:"interval"`   // of the rate, 95 %; nil without a rate
	LowerBound bool          `json:"at_least"`   // no higher rate could be judged: the rate is a lower bound
	ClosedRPS  float64       `json:"closed_rps"` // what a closed loop reached before
	GaveWay    string        `json:"gave_way"`   // one of the Gave words
	Reason     string        `json:"reason"`     // the same in a sentence, with its figures
	EndedBy    string        `json:"ended_by"`   // why no more probes were made
	Probes     []RateProbe   `json:"probes"`     // in the order in which they were made
}

// SearchLimit is one limit of a search: a quantile of the response time.
type SearchLimit struct {
	Metric  string `json:"metric"` // p50, p90, p95, p99 or p99_9
	LimitNs int64  `json:"limit_ns"`
}

// Share is the share of requests that may be above the limit: 0.01 for p99; 0
// for a metric that is none.
func (l SearchLimit) Share() float64 {
	return map[string]float64{"p50": 0.5, "p90": 0.1, "p95": 0.05, "p99": 0.01, "p99_9": 0.001}[l.Metric]
}

// Curve is response time against offered rate, from idle to saturation.
type Curve struct {
	ClosedRPS float64     `json:"closed_rps"` // what a closed loop reached before
	Steps     []RateProbe `json:"steps"`      // by rising rate
}

// RateProbe is one short open-loop load at one rate.
type RateProbe struct {
	StartNs     int64   `json:"start_ns"`    // since the search began
	DurationNs  int64   `json:"duration_ns"` // of the measured part
	OfferedRPS  float64 `json:"offered_rps"`
	AchievedRPS float64 `json:"achieved_rps"` // good answers per second
	Outcome     string  `json:"outcome"`      // one of the Probe words
	Note        string  `json:"note,omitempty"`

	Requests   int64  `json:"requests"`   // judged: answered, failed, or unanswered for longer than the limit
	Failed     int64  `json:"failed"`     // error answers, timeouts, broken connections
	Unanswered int64  `json:"unanswered"` // due and not answered when the probe ended
	P50        *int64 `json:"p50"`        // response time (ns) of the answered ones
	P90        *int64 `json:"p90"`
	P95        *int64 `json:"p95"`
	P99        *int64 `json:"p99"`
	P999       *int64 `json:"p99_9"`

	ServerCPUPct    *float64 `json:"server_cpu_pct,omitempty"` // of one core; nil: its process isn't known
	GeneratorCPUPct float64  `json:"generator_cpu_pct"`        // of one core
	OwnLagP99       int64    `json:"own_lag_p99"`              // ns by which the generator itself was late
	StealPct        float64  `json:"steal_pct"`                // of all CPUs' time
	IdlePct         float64  `json:"idle_pct"`                 // of all CPUs' time
}
