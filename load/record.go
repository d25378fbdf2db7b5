// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// Recorder takes every request of a load, warm-up and ending included: all that
// were sent and have ended, the one apart with which the server was tried. Its
// methods are called by one goroutine, and by none after the first error. They
// have time: what they don't take in time is dropped and counted, the load goes
// on.
type Recorder interface {
	// Connections are those that were opened, before any of their requests.
	Connections([]results.Connection) error
	// Slice says that a slice begins (End is 0), and again that it has ended.
	Slice(results.Slice) error
	// Requests ended in a slice that has begun; slice is -1 for those that ended
	// outside of slices. The list is reused after the call.
	Requests(slice int, list []results.Request) error
}

// recordRequests reads a block of requests and hands it on.
func (g *Generator) recordRequests(in *bufio.Reader, n int) error {
	if n < requestsHead || (n-requestsHead)%requestSize != 0 {
		return fmt.Errorf("read requests: a block of %d bytes is damaged", n)
	}
	var head [requestsHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	count := (n - requestsHead) / requestSize
	g.recorded = slices.Grow(g.recorded[:0], count)[:count]
	if _, err := io.ReadFull(in, requestBytes(g.recorded)); err != nil {
		return err
	}
	if g.recordErr == nil {
		g.recordErr = g.record.Requests(int(int64(binary.LittleEndian.Uint64(head[:]))), g.recorded)
	}
	return nil
}

func (g *Generator) recordConnections(list ...results.Connection) {
	if g.record != nil && g.recordErr == nil {
		g.recordErr = g.record.Connections(list)
	}
}

func (g *Generator) recordSlice(s *results.Slice) {
	if g.record != nil && g.recordErr == nil {
		g.recordErr = g.record.Slice(*s)
	}
}
