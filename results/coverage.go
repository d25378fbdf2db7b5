// SPDX-License-Identifier: Apache-2.0

package results

// Coverage is how much of a target's code stacks can be walked through.
type Coverage struct {
	Bytes   int64    // mapped executable
	Covered int64    // of them, described by unwind tables
	Lacking []string // objects without such a table, or with a broken one, and why
}

// Pct is the share that is covered; 100 where there is no code.
func (c Coverage) Pct() float64 {
	if c.Bytes == 0 {
		return 100
	}
	return 100 * float64(c.Covered) / float64(c.Bytes)
}
