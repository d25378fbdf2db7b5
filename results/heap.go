// SPDX-License-Identifier: Apache-2.0

package results

// Heap is what the heap phase of a run saw: every call of the target's allocator
// from the moment the probes were on until they were off. Blocks are counted as
// the caller asked for them, in bytes; what the allocator adds is not in here.
// Calls that an allocator makes of itself (calloc of malloc) count once, as the
// outermost. A figure that could not be measured is nil.
type Heap struct {
	Allocator []string `json:"allocator"` // the objects that carry it, the one that is called first
	Method    string   `json:"method"`    // how the phase kept to the budget, in words

	Requests   int64   `json:"requests"`    // answered in the phase
	DurationNs int64   `json:"duration_ns"` // of the phase
	RateRPS    float64 `json:"rate_rps"`    // requests that were due a second, rests included
	BurstRPS   float64 `json:"burst_rps"`   // requests that were due a second in the bursts between the rests

	AllocsPerRequest float64 `json:"allocs_per_request"`
	FreesPerRequest  float64 `json:"frees_per_request"` // frees of older blocks included
	BytesPerRequest  float64 `json:"bytes_per_request"` // asked for

	Allocs      int64 `json:"allocs"` // blocks that were handed out
	Frees       int64 `json:"frees"`  // blocks that were given back, of the phase
	AllocBytes  int64 `json:"alloc_bytes"`
	FreedBytes  int64 `json:"freed_bytes"`
	LiveBytes   int64 `json:"live_bytes"` // handed out in the phase and held at its end
	LiveObjects int64 `json:"live_objects"`
	// LiveBlockBytes is what the live blocks take in the allocator's own count:
	// size with header and rounding, as mallinfo2 counts. glibc only.
	LiveBlockBytes *int64 `json:"live_block_bytes,omitempty"`

	OlderFrees int64 `json:"older_frees"` // of blocks from before the phase
	Failed     int64 `json:"failed"`      // calls that returned no block
	Lost       int64 `json:"lost"`        // calls that could not be followed: a map was full

	MappedBytes int64   `json:"mapped_bytes"`          // mmap less munmap in the phase, the allocator's own not counted
	GrownBytes  *int64  `json:"grown_bytes,omitempty"` // by which the allocator's own mmap, munmap and brk changed its memory
	Cost        *Cost   `json:"cost,omitempty"`        // of the probes in the phase
	Partial     string  `json:"partial,omitempty"`     // why the phase ended early, in words
	Forks       int64   `json:"forks"`                 // child processes the target made meanwhile: theirs is not counted
	CutPct      float64 `json:"cut_stacks_pct"`        // allocations whose stack did not reach the thread's start

	Sizes     []HeapBucket `json:"sizes"`               // of the blocks asked for, bytes
	Lifetimes []HeapBucket `json:"lifetimes,omitempty"` // of blocks that were freed, in requests answered meanwhile

	Sites []HeapSite `json:"sites"` // the ones that hold most, then those that ask for most
	// All sites and the curve, for profiles and the leak verdict: not in result.json.
	All     []HeapSite   `json:"-"`
	Moments []HeapMoment `json:"-"`
}

// Cost is what the probes of the heap phase took of one core.
type Cost struct {
	HitsPerRequest float64     `json:"hits_per_request"`   // stops of the target in a probe
	NsPerHit       float64     `json:"ns_per_hit"`         // of the target's CPU time: the phase against slices without probes before it
	CorePct        float64     `json:"core_pct"`           // of one core, over the phase
	Interval       *[2]float64 `json:"interval,omitempty"` // of CorePct, 95 %
	BudgetPct      float64     `json:"budget_pct"`
}

// HeapBucket counts values in [Low, High).
type HeapBucket struct {
	Low   int64 `json:"low"`
	High  int64 `json:"high"`
	Count int64 `json:"count"`
}

// HeapSite is one place from which the allocator was called: one stack.
type HeapSite struct {
	ID          int     `json:"-"`        // its index in Heap.All, which HeapHeld.Site names
	Call        string  `json:"call"`     // the allocator's function: malloc, realloc, mmap, …
	Function    string  `json:"function"` // that called it
	Object      string  `json:"object"`
	Allocs      int64   `json:"allocs"`
	Frees       int64   `json:"frees"` // of blocks from here
	AllocBytes  int64   `json:"alloc_bytes"`
	LiveBytes   int64   `json:"live_bytes"`
	LiveObjects int64   `json:"live_objects"`
	Mapped      bool    `json:"mapped,omitempty"` // mmap: pages, not heap
	Frames      []Frame `json:"-"`                // leaf first; the caller of the allocator is the first
	Complete    bool    `json:"-"`                // the walk reached the thread's start
}

// HeapMoment is the state of the heap at one moment of the phase: a point of the
// curve that the leak verdict regresses and that massif.out draws.
type HeapMoment struct {
	At          int64 // ns since the phase began
	Requests    int64 // answered since the phase began
	LiveBytes   int64 // of heap blocks of the phase
	LiveObjects int64
	MappedBytes int64      // of pages that the program itself mapped in the phase
	Rest        bool       // the load was over
	Idle        bool       // between two bursts: all that was sent had been answered
	Sites       []HeapHeld // of the sites that hold anything; nil where only the sums were read
}

// HeapHeld is what one site holds at a moment.
type HeapHeld struct {
	Site    int // index in Heap.All
	Bytes   int64
	Objects int64
}
