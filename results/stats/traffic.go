// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"

	"github.com/ipcprobe/ipcprobe/results"
)

// Traffic sums up what others' clients did: what the probes counted, and the rate
// from the sends of the slices of one mode. In these only sends were counted; how
// many make an answer is known from the probed ones. Backlog is the caller's.
func Traffic(f *results.Flows, slices []results.Slice, mode results.Mode) *results.Traffic {
	t := &results.Traffic{
		Answers: f.Answers, Timed: f.Timed, Untimed: make(map[string]int64),
		Connections: results.TrafficConnections{
			Seen: f.Connections, Pipelined: f.PipelinedConnections, Streamed: f.StreamedConnections,
		},
		SeveralPieces: f.Pieces, SeveralSends: f.Parts, Unasked: f.Pushes,
	}
	for reason, n := range map[string]int64{
		"more was sent before the answer": f.Pipelined,
		"the answer had a pause in it":    f.Streamed,
		"the send call was not seen":      f.Unclear,
	} {
		if n > 0 {
			t.Untimed[reason] = n
		}
	}
	if f.Answers > 0 {
		n := float64(f.Answers)
		t.TimedPct = 100 * float64(f.Timed) / n
		t.SendsPerAnswer, t.ReceivesPerAnswer = float64(f.Sends)/n, float64(f.Receives)/n
		t.BytesOutPerAnswer, t.BytesInPerAnswer = float64(f.BytesOut)/n, float64(f.BytesIn)/n
	}
	var answers int64
	var seconds float64
	for i := range slices {
		if slices[i].Mode == mode {
			answers += slices[i].Counts().OK
			seconds += slices[i].Seconds()
		}
	}
	if seconds > 0 {
		rate := float64(answers) / seconds
		t.AnswersRPS = &rate
	}
	return t
}

// SendsToAnswers turns slices that count sends into ones that count answers, by
// the ratio of the two in all probed slices. Where there was no answer the target
// sent unasked, and nothing is an answer.
func SendsToAnswers(f *results.Flows, slices []results.Slice) {
	ratio := 0.0
	if f.Sends > 0 {
		ratio = float64(f.Answers) / float64(f.Sends)
	}
	for i := range slices {
		for j := range slices[i].Intervals {
			counts := &slices[i].Intervals[j].Counts
			counts.OK = int64(math.Round(float64(counts.OK) * ratio))
		}
	}
}

// FlowLegs describes the legs of exchanges that the kernel counted in buckets, or
// is nil when there are none. The means are exact, percentiles to half a bucket,
// 3 %. The legs that only a client of ours can see are nil.
func FlowLegs(f *results.Flows) *results.Legs {
	if f.Legs[results.FlowService].Count == 0 {
		return nil
	}
	r := &results.Legs{}
	for leg, to := range map[results.FlowLeg]**results.Distribution{
		results.FlowQueueWait: &r.QueueWait,
		results.FlowService:   &r.ServiceTime,
		results.FlowUser:      &r.ServiceOnCPUUser,
		results.FlowKernel:    &r.ServiceOnCPUKernel,
		results.FlowBlocked:   &r.ServiceBlocked,
		results.FlowUpstream:  &r.UpstreamWait,
		results.FlowRunQueue:  &r.ServiceRunQueue,
	} {
		sum := &f.Legs[leg]
		if d := Buckets(sum.Buckets); d != nil {
			d.Mean = float64(sum.TotalNs) / float64(d.Count)
			*to = d
		}
	}
	return r
}
