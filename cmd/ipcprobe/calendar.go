// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// calendar divides the time of a run among its slices. What a probed slice is shorter
// than the others, the next one gets.
type calendar struct {
	slice time.Duration // the length of most
	left  time.Duration
	owed  time.Duration
}

// next is the length of the next slice, of a mode and a planned length. The last takes
// what is left, where that is little.
func (c *calendar) next(mode results.Mode, planned time.Duration) time.Duration {
	length := planned
	if mode == results.Probed {
		c.owed = c.slice - planned
	} else {
		length += c.owed
		c.owed = 0
	}
	if c.left-length < c.slice/4 {
		length = c.left
	}
	c.left -= length
	return length
}
