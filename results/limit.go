// SPDX-License-Identifier: Apache-2.0

package results

// Limit is one --limit and whether it was met. Measured is nil when the
// measurement can't tell: Met is false then, and Reason says why.
type Limit struct {
	Metric   string   `json:"metric"`
	Bound    string   `json:"bound"` // how the figure must stand to the limit: "<", "<=", ">", ">=", "="
	Limit    float64  `json:"limit"` // in Unit; of leak: 0
	Measured *float64 `json:"measured"`
	Met      bool     `json:"met"`
	Unit     string   `json:"unit"` // "ns", "bytes", "percent", "requests/s", "1", "bytes/1000 requests"
	Reason   string   `json:"reason,omitempty"`
}

// Inconclusive says that the measurement could not tell.
func (l *Limit) Inconclusive() bool { return !l.Met && l.Measured == nil }
