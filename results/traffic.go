// SPDX-License-Identifier: Apache-2.0

package results

// Traffic is what others' clients were seen to do, in a run without load of ours.
// An answer is what the server sent between two receives on one connection: one
// request's, where the connection strictly alternates.
type Traffic struct {
	AnswersRPS  *float64           `json:"answers_rps"` // bare slices; nil when invalid
	Answers     int64              `json:"answers"`     // in probed slices
	Timed       int64              `json:"timed"`       // of these, with service time
	TimedPct    float64            `json:"timed_pct"`
	Untimed     map[string]int64   `json:"untimed"` // by reason
	Connections TrafficConnections `json:"connections"`

	SendsPerAnswer    float64 `json:"sends_per_answer"`
	ReceivesPerAnswer float64 `json:"receives_per_answer"`
	BytesInPerAnswer  float64 `json:"bytes_in_per_answer"`
	BytesOutPerAnswer float64 `json:"bytes_out_per_answer"`
	SeveralPieces     int64   `json:"several_pieces"` // answers to what came in several pieces
	SeveralSends      int64   `json:"several_sends"`  // answers of several sends
	Unasked           int64   `json:"unasked"`        // sends that no receive was seen before

	Backlog *Backlog `json:"backlog,omitempty"`
}

// TrafficConnections counts the connections that were seen at work in probed
// slices. One that does not alternate and streams as well counts twice.
type TrafficConnections struct {
	Seen      int64 `json:"seen"`
	Pipelined int64 `json:"pipelined"` // sent more before they were answered
	Streamed  int64 `json:"streamed"`  // had an answer with a pause in it
}

// Backlog is what waited for the target: the largest values of all looks.
type Backlog struct {
	Looks             int64 `json:"looks"`
	Connections       int64 `json:"connections"`        // accepted and open
	Waiting           int64 `json:"waiting"`            // not accepted yet
	WaitingLimit      int64 `json:"waiting_limit"`      // of listen(2)
	QueuedBytes       int64 `json:"queued_bytes"`       // sent on accepted connections, not received
	QueuedConnections int64 `json:"queued_connections"` // on so many connections
}

// Raise makes each figure of b the larger of itself and other's.
func (b *Backlog) Raise(other Backlog) {
	b.Looks += other.Looks
	b.Connections = max(b.Connections, other.Connections)
	b.Waiting = max(b.Waiting, other.Waiting)
	b.WaitingLimit = max(b.WaitingLimit, other.WaitingLimit)
	b.QueuedBytes = max(b.QueuedBytes, other.QueuedBytes)
	b.QueuedConnections = max(b.QueuedConnections, other.QueuedConnections)
}

// Look is what `ipcprobe watch` saw in one interval: a line of its JSON. What was
// not measured in the interval is absent.
type Look struct {
	At         string    `json:"at"`         // its end, RFC 3339, UTC
	ElapsedNs  int64     `json:"elapsed_ns"` // since the watch began
	DurationNs int64     `json:"duration_ns"`
	ProbedNs   int64     `json:"probed_ns"` // of it, with all probes
	Traffic    *Traffic  `json:"traffic,omitempty"`
	Legs       *Legs     `json:"legs,omitempty"`
	Syscalls   []Syscall `json:"syscalls,omitempty"`
	CPU        *CPU      `json:"cpu,omitempty"`
	RSSBytes   int64     `json:"rss_bytes"`
	Cost       *float64  `json:"cost_pct,omitempty"` // of one core, over the whole watch
	Loss       *Loss     `json:"loss,omitempty"`     // since the watch began
	Warnings   []string  `json:"warnings,omitempty"`
}
