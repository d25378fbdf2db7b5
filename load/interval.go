// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"fmt"

	"github.com/ipcprobe/ipcprobe/results"
)

// intervalNs is the longest stretch that one interval covers.
const intervalNs = 100_000_000

// interval is what one worker saw between two stamps of one slice.
type interval struct {
	slice      int
	number     int // counts the slice's intervals from 0
	start, end int64
	counts     results.Counts
	bytesOut   int64
	bytesIn    int64
	dueless    bool // each request was due when it was sent: trip tells what response and lag would
	response   tally
	trip       tally
	lag        tally
	alone      tally // round trips of requests that a closed loop could have sent; of an open one
}

// reset empties v for the next use.
func (v *interval) reset() { *v = interval{} }

// intervalHead is the size of what stands before an interval's tallies.
const intervalHead = 12 * 8

// appendInterval appends v, which readInterval reads.
func appendInterval(dst []byte, v *interval) []byte {
	c := &v.counts
	for _, n := range [...]int64{int64(v.slice), int64(v.number), v.start, v.end,
		c.Sent, c.OK, c.Error, c.Timeout, c.Broken, c.Censored, v.bytesOut, v.bytesIn} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	dst = appendTally(dst, v.responses())
	dst = appendTally(dst, &v.trip)
	if v.dueless {
		v.lag.counts[0] = v.trip.total() // due when it was sent
	}
	dst = appendTally(dst, &v.lag)
	return appendTally(dst, &v.alone)
}

// responses are the response times.
func (v *interval) responses() *tally {
	if v.dueless {
		return &v.trip
	}
	return &v.response
}

// readIntervalHead reads all of an interval but its histograms, and its number
// within the slice.
func readIntervalHead(src []byte) (v results.Interval, number int, rest []byte, err error) {
	if len(src) < intervalHead {
		return v, 0, nil, fmt.Errorf("read interval: %d bytes are too few", len(src))
	}
	var n [intervalHead / 8]int64
	for i := range n {
		n[i] = int64(binary.LittleEndian.Uint64(src[8*i:]))
	}
	v = results.Interval{
		Slice: int(n[0]), Start: n[2], End: n[3],
		Counts: results.Counts{Sent: n[4], OK: n[5], Error: n[6],
			Timeout: n[7], Broken: n[8], Censored: n[9]},
		BytesOut: n[10], BytesIn: n[11],
	}
	return v, int(n[1]), src[intervalHead:], nil
}

// readInterval reads what appendInterval wrote.
func readInterval(src []byte) (results.Interval, int, error) {
	v, number, src, err := readIntervalHead(src)
	if err != nil {
		return v, 0, err
	}
	for _, d := range []*results.Durations{&v.ResponseTime, &v.RoundTrip, &v.SendLag, &v.ClosedLoop} {
		if *d, src, err = readDurations(src); err != nil {
			return v, 0, err
		}
	}
	if len(src) != 0 {
		return v, 0, fmt.Errorf("read interval: %d bytes too many", len(src))
	}
	return v, number, nil
}
