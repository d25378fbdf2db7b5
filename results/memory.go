// SPDX-License-Identifier: Apache-2.0

package results

// Memory is what the target holds, in bytes. Peak is the largest of all looks,
// or VmHWM where that grew during the run: then the process had its highest
// resident set ever between two looks.
type Memory struct {
	RSSBaselineBytes int64  `json:"rss_baseline_bytes"` // before the load
	RSSPeakBytes     int64  `json:"rss_peak_bytes"`
	RSSFinalBytes    int64  `json:"rss_final_bytes"` // after the load, settled
	Source           string `json:"source"`          // the file in /proc that gave them

	PeakSource       string         `json:"rss_peak_source,omitempty"`    // the same of the peak
	LifePeak         int64          `json:"rss_life_peak_bytes"`          // VmHWM at the end; 0: not told
	EarlierPeak      bool           `json:"rss_life_peak_earlier"`        // it is older than the run
	SettleNs         int64          `json:"settle_ns"`                    // from the load's end to the final reading
	Settled          bool           `json:"settled"`                      // RSS no longer changed then
	Baseline         *MemoryParts   `json:"baseline,omitempty"`           // of RSSBaselineBytes; nil without smaps_rollup
	Largest          *MemoryParts   `json:"largest,omitempty"`            // of the largest look that has parts
	Final            *MemoryParts   `json:"final,omitempty"`              // of RSSFinalBytes
	Curve            []MemoryPoint  `json:"curve,omitempty"`              // in order of time
	FaultsPerRequest *float64       `json:"faults_per_request,omitempty"` // page faults, those in the kernel too
	MajorFaults      int64          `json:"major_faults"`                 // that waited for a disk, over the run
	Faults           []MemoryOrigin `json:"faults,omitempty"`             // who touches new memory; probed slices
	Growth           []MemoryOrigin `json:"growth,omitempty"`             // brk and mmap by who calls; probed slices
	Heap             *Heap          `json:"heap,omitempty"`               // with --heap only
	Massif           *Massif        `json:"massif,omitempty"`             // with --valgrind
	Leak             *Leak          `json:"leak,omitempty"`
}

// MemoryParts splits a resident set (bytes). What the kernel doesn't tell is 0.
type MemoryParts struct {
	RSSBytes  int64 `json:"rss_bytes"`
	PSSBytes  int64 `json:"pss_bytes"`       // each shared page divided by its users
	AnonBytes int64 `json:"anonymous_bytes"` // heap, stacks, private data
	FileBytes int64 `json:"file_bytes"`      // pages of mapped files and shared memory
}

// MemoryLook is one look at a process's memory, in bytes. What the kernel does
// not tell is -1.
type MemoryLook struct {
	At     int64  // CLOCK_MONOTONIC, ns
	RSS    int64  // pages in memory, shared ones in full
	PSS    int64  // the same, each shared page divided by its users
	Anon   int64  // of RSS: heap, stacks, private data
	File   int64  // of RSS: pages of mapped files and shared memory
	Peak   int64  // the highest RSS of the process's life so far (VmHWM)
	Minor  int64  // page faults so far, all threads, ended ones too
	Major  int64  // of those that waited for a disk
	Source string // the file of /proc that RSS is from: "smaps_rollup" or "status"
}

// MemoryRecord is all that was seen of a process's memory.
type MemoryRecord struct {
	Looks    []MemoryLook // in order of time
	Glanced  int64        // the largest RSS of the quick looks between them; 0: there were none
	Settled  bool         // the last look found RSS as the looks before it did
	SettleNs int64        // how long that took, from the load's end
	Ended    bool         // the process ended meanwhile: the last look is from before
}

// RequestCount is how many requests had been answered at a moment, errors included.
type RequestCount struct {
	At    int64 // CLOCK_MONOTONIC, ns
	Count int64
}

// MemoryPoint is one look. A curve is thinned to at most some hundred points;
// each keeps the largest RSS of the looks that it stands for.
type MemoryPoint struct {
	AtNs     int64 `json:"at_ns"`    // since the first look
	Requests int64 `json:"requests"` // answered since the load began, the warm-up included
	RSSBytes int64 `json:"rss_bytes"`
}

// MemoryOrigin is one stack that new memory came from.
type MemoryOrigin struct {
	Kind   string   `json:"kind"`   // "fault", "brk", "mmap", "munmap", "mremap"
	Count  int64    `json:"count"`  // events
	Bytes  int64    `json:"bytes"`  // by which the address space grew; 0 for a fault
	Frames []string `json:"frames"` // innermost first, as function or object+offset
}

// The words of a leak's verdict.
const (
	LeakNone         = "none"
	LeakFound        = "leak"
	LeakInconclusive = "inconclusive"
)

// Leak is the verdict of the regression of retained bytes on answered requests.
type Leak struct {
	Verdict string `json:"verdict"`
	// Bytes per 1,000 requests that are never given back, with a 95 % interval;
	// nil where nothing could be fitted.
	BytesPer1000 *float64    `json:"bytes_per_1000_requests"`
	Interval     *[2]float64 `json:"interval"`
	// Resolution is the slowest growth that this run could have told from none,
	// bytes per 1,000 requests; nil where nothing could be fitted.
	Resolution *float64    `json:"resolution_bytes_per_1000_requests,omitempty"`
	View       string      `json:"view"`     // "rss", or "heap": live bytes
	Requests   int64       `json:"requests"` // that the fit covers
	Reason     string      `json:"reason"`   // one sentence
	Stacks     []LeakStack `json:"stacks"`   // that hold what is never freed, most first; heap view only
}

// LeakStack is one place from which blocks are held whose bytes grow with the
// requests.
type LeakStack struct {
	Function     string   `json:"function"` // that asked for them
	Object       string   `json:"object"`
	Call         string   `json:"call"` // the allocator's function: malloc, realloc, mmap, …
	BytesPer1000 float64  `json:"bytes_per_1000_requests"`
	LiveBytes    int64    `json:"live_bytes"`
	LiveObjects  int64    `json:"live_objects"`
	Frames       []string `json:"frames"` // innermost first
}
