// SPDX-License-Identifier: Apache-2.0

package results

// Massif is what valgrind's massif saw of a target that ran under it: the heap as
// the program asked for it, and what the allocator adds to that, in bytes.
type Massif struct {
	PeakBytes      int64            `json:"peak_bytes"`       // of the largest snapshot
	PeakExtraBytes int64            `json:"peak_extra_bytes"` // headers and rounding, of the same
	TimeUnit       string           `json:"time_unit"`        // "i": instructions, "ms", "B": bytes allocated
	Snapshots      []MassifSnapshot `json:"snapshots"`
	Sites          []MassifSite     `json:"sites"` // who called the allocator for what was held at the peak
}

// MassifSnapshot is the heap at one moment.
type MassifSnapshot struct {
	Time       int64 `json:"time"` // in TimeUnit
	HeapBytes  int64 `json:"heap_bytes"`
	ExtraBytes int64 `json:"extra_bytes"`
	StackBytes int64 `json:"stack_bytes"`
}

// MassifSite is one caller of the allocator.
type MassifSite struct {
	Function string `json:"function"` // with its file and line, as massif has it
	Bytes    int64  `json:"bytes"`
}
