// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"

	"github.com/ipcprobe/ipcprobe/results"
)

// requestClock says how many requests the target had answered when its heap was
// looked at. The load generator's count is exact, but of the moment in which the slice
// ended, and on a busy machine a burst may pass between that and the look; nor does it
// have the answers that came when it had given them up. The bytes that the target
// sent are read with the heap. Where they are those of the slice's answers, these are
// counted; else the bytes are, by the length of an answer.
type requestClock struct {
	answerBytes float64 // of an answer, in the mean; 0: not known
	sent        uint64  // by the target, until the last look
	requests    float64
	late        bool // requests were given up: their answers, too, come as bytes later on
}

// add gives the requests answered since the clock began, at a look behind a slice.
// sent is what the target had sent by then, bytes; without Linux 6.3 it stays 0.
func (c *requestClock) add(slice results.Slice, sent uint64) int64 {
	counts, received := slice.Counts(), int64(0)
	for i := range slice.Intervals {
		received += slice.Intervals[i].BytesIn
	}
	moved := int64(sent - c.sent)
	c.sent = sent
	c.late = c.late || counts.Timeout > 0
	if sent == 0 || c.answerBytes == 0 || moved == received && !c.late {
		c.requests += float64(counts.OK + counts.Error)
	} else {
		c.requests += float64(moved) / c.answerBytes
	}
	return int64(math.Round(c.requests))
}
