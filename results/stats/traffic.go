// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
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
		"pipelined":      f.Pipelined,
		"streamed":       f.Streamed,
		"begin not seen": f.Unclear,
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

// TrafficDoubts says what cannot be told of traffic without knowing its framing.
func TrafficDoubts(t *results.Traffic) []string {
	var out []string
	c := t.Connections
	if t.Answers == 0 {
		out = append(out, "no answer was seen: nobody used the target's Unix sockets in the probed slices, or in a way that the probes can't see (TCP, datagrams)")
		if t.Unasked == 0 {
			return out
		}
	}
	if c.Pipelined > 0 {
		out = append(out, fmt.Sprintf("%d of %d connections sent more before they were answered. Which answer belongs to which request can't be told there, so their answers are counted and not timed",
			c.Pipelined, c.Seen))
	}
	if c.Streamed > 0 {
		out = append(out, fmt.Sprintf("on %d of %d connections the server paused between the sends of an answer. Where such an answer ends, or whether it was several, can't be told; they are counted and not timed",
			c.Streamed, c.Seen))
	}
	if pct := shareOf(t.SeveralSends, t.Answers); pct >= 1 {
		out = append(out, fmt.Sprintf("%.0f %% of the answers took several sends. Each is taken for one answer; a client that sends several requests at once and gets all answers before it goes on looks the same", pct))
	}
	if pct := shareOf(t.SeveralPieces, t.Answers); pct >= 1 {
		out = append(out, fmt.Sprintf("%.0f %% of the requests came in several pieces. Each is taken for one request, and its service time counts from the last piece", pct))
	}
	if pct := shareOf(t.Unasked, t.Answers+t.Unasked); pct >= 1 {
		out = append(out, fmt.Sprintf("%d sends (%.0f %%) had no receive before them in their slice: messages that nobody asked for, or answers under way as it began. They are not timed", t.Unasked, pct))
	}
	return out
}

func shareOf(n, all int64) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(n) / float64(all)
}

// SendsToAnswers turns slices that count sends into ones that count answers, by
// the ratio of the two in all probed slices. Where there was no answer among the sends
// the target sent unasked, and nothing is an answer; where these saw no send, each of
// the others is taken for one.
func SendsToAnswers(f *results.Flows, slices []results.Slice) {
	ratio := 1.0
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
