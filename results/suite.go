// SPDX-License-Identifier: Apache-2.0

package results

// Suite is a server's baseline: one measurement for each question, in the order
// in which they were asked.
type Suite struct {
	SchemaVersion int          `json:"schema_version"`
	Name          string       `json:"name"`
	Command       []string     `json:"command"` // that asked for it
	Phases        []SuitePhase `json:"phases"`
}

// SuitePhase is one of them. Result.Limits are those that its figures answer.
type SuitePhase struct {
	Kind   SuiteKind `json:"kind"`
	Folder string    `json:"folder"` // where the run is stored
	Result *Result   `json:"result"`
}

// SuiteKind is the question of a phase.
type SuiteKind string

const (
	// SuiteThroughput asks how much the server answers: a closed loop.
	SuiteThroughput SuiteKind = "throughput"
	// SuiteLatency asks how long an answer takes at a fixed rate.
	SuiteLatency SuiteKind = "latency"
	// SuiteMemory asks what the server holds, and whether it leaks.
	SuiteMemory SuiteKind = "memory"
	// SuiteCPU asks what a request costs and where, at a fixed rate.
	SuiteCPU SuiteKind = "cpu"
)
