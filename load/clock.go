// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"
)

// nanotime is Go's own reading of CLOCK_MONOTONIC, through the vDSO: the one
// that time.Since uses, with no function before it that Go's scheduler could
// take the thread away in (see quiet.go). The runtime keeps it for such use
// (go.dev/issue/67401).
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// clock reads CLOCK_MONOTONIC without a system call.
type clock struct {
	offset int64 // ns from Go's reading to the kernel's: 0, as long as both read one clock
}

// newClock fixes the offset between Go's reading and that of the system call.
// Each of many calls lies between two readings and so bounds the offset from
// both sides; the bounds' intersection is some nanoseconds wide.
func newClock() clock {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	for range 2000 {
		var ts unix.Timespec
		before := nanotime()
		err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		after := nanotime()
		if err != nil {
			continue // can't fail for this clock; the others bound it
		}
		low = max(low, ts.Nano()-after)
		high = min(high, ts.Nano()-before)
	}
	if low <= 0 && 0 <= high {
		return clock{}
	}
	return clock{low + (high-low)/2}
}

// now is CLOCK_MONOTONIC in ns.
//
//go:nosplit
func (c *clock) now() int64 { return nanotime() + c.offset }
