// SPDX-License-Identifier: Apache-2.0

package results

// FlowLeg names a part of an exchange's time that is known without a client of
// ours. An exchange is what a server receives on one connection between two of its
// answers, and the answer: one request where the connection strictly alternates.
type FlowLeg uint8

// The legs, in the order of enum flow_leg in bpf/src/flow.h.
const (
	// FlowQueueWait: sk_data_ready, the last before the server's receive, until
	// that receive returns.
	FlowQueueWait FlowLeg = iota
	// FlowService: from there, the last receive before the answer, until the
	// entry of the send call that carries the answer's last byte.
	FlowService
	FlowUser     // of the service: on a CPU, outside system calls
	FlowKernel   // on a CPU, inside system calls
	FlowBlocked  // off the CPU, not runnable, upstream wait not counted
	FlowUpstream // blocked until an answer came from a connection that the server opened
	FlowRunQueue // off the CPU, runnable
	FlowLegs
)

// FlowSum is one leg, summed over exchanges. Buckets are all there are, in their
// order, also those that count nothing.
type FlowSum struct {
	Count   int64
	TotalNs int64
	Buckets []Bucket
}

// Flows is what the kernel counted of traffic that is not ours, on the connections
// that the target accepted. Answers = Timed + Pipelined + Streamed + Unclear.
type Flows struct {
	Answers   int64 // whose first send was seen, behind a receive
	Timed     int64 // their service time is in Legs
	Pipelined int64 // more had been received than they answer
	Streamed  int64 // the server slept between their sends, or changed the thread
	Unclear   int64 // the begin of their send call was not seen
	Pieces    int64 // answers to requests that came in several pieces
	Parts     int64 // answers of several sends
	Pushes    int64 // sends that nobody was seen to ask for
	Sends     int64
	BytesOut  int64
	Receives  int64
	BytesIn   int64

	// Connections are those that were seen since the probes were loaded, and of
	// these the ones that did not alternate, and that streamed.
	Connections, PipelinedConnections, StreamedConnections int64

	Legs [FlowLegs]FlowSum
}

// Since is what was counted between an earlier reading and this one. An exchange
// that was timed anew in between, because its answer went on, can leave a bucket
// below 0; it is taken for 0. Connections stay those of this reading.
func (f *Flows) Since(before *Flows) Flows {
	d := *f
	for _, pair := range [...]struct{ now, then *int64 }{
		{&d.Answers, &before.Answers}, {&d.Timed, &before.Timed}, {&d.Pipelined, &before.Pipelined},
		{&d.Streamed, &before.Streamed}, {&d.Unclear, &before.Unclear}, {&d.Pieces, &before.Pieces},
		{&d.Parts, &before.Parts}, {&d.Pushes, &before.Pushes}, {&d.Sends, &before.Sends},
		{&d.BytesOut, &before.BytesOut}, {&d.Receives, &before.Receives}, {&d.BytesIn, &before.BytesIn},
	} {
		*pair.now = max(0, *pair.now-*pair.then)
	}
	for leg := range d.Legs {
		d.Legs[leg] = f.Legs[leg].since(&before.Legs[leg])
	}
	return d
}

func (s *FlowSum) since(before *FlowSum) FlowSum {
	d := FlowSum{
		Count: max(0, s.Count-before.Count), TotalNs: max(0, s.TotalNs-before.TotalNs),
		Buckets: make([]Bucket, len(s.Buckets)),
	}
	for i, bucket := range s.Buckets {
		if i < len(before.Buckets) {
			bucket.Count -= before.Buckets[i].Count
		}
		bucket.Count = max(0, bucket.Count)
		d.Buckets[i] = bucket
	}
	return d
}

// Since is what was counted between an earlier reading of the same call and this
// one, of all threads together.
func (t *CallTable) Since(before *CallTable) CallTable {
	d := *t
	d.Calls -= before.Calls
	d.TotalNs -= before.TotalNs
	d.OffCPUNs -= before.OffCPUNs
	d.IdleNs -= before.IdleNs
	d.AsleepNs -= before.AsleepNs
	d.Bytes -= before.Bytes
	earlier := make(map[int64]int64, len(before.Buckets))
	for _, bucket := range before.Buckets {
		earlier[bucket.Low] = bucket.Count
	}
	d.Buckets = nil
	for _, bucket := range t.Buckets {
		if bucket.Count -= earlier[bucket.Low]; bucket.Count > 0 {
			d.Buckets = append(d.Buckets, bucket)
		}
	}
	d.Threads, d.Errors = nil, nil
	for errno, n := range t.Errors {
		if n -= before.Errors[errno]; n > 0 {
			if d.Errors == nil {
				d.Errors = make(map[int]int64)
			}
			d.Errors[errno] = n
		}
	}
	return d
}
