// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// clock reads CLOCK_MONOTONIC without a system call. Package time reads that
// clock through the vDSO but only tells differences; the offset between its
// origin and the clock's is fixed once, at start.
type clock struct {
	origin time.Time
	offset int64
}

// newClock fixes the offset. Each of many system calls lies between two
// readings and so bounds the offset from both sides; the bounds' intersection
// is some nanoseconds wide.
func newClock() clock {
	c := clock{origin: time.Now()}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	for range 2000 {
		var ts unix.Timespec
		before := int64(time.Since(c.origin))
		err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		after := int64(time.Since(c.origin))
		if err != nil {
			continue // can't fail for this clock; the others bound it
		}
		low = max(low, ts.Nano()-after)
		high = min(high, ts.Nano()-before)
	}
	c.offset = low + (high-low)/2
	return c
}

// now is CLOCK_MONOTONIC in ns.
func (c *clock) now() int64 { return int64(time.Since(c.origin)) + c.offset }
