// SPDX-License-Identifier: Apache-2.0

package results

// Copies says what the target's CPU time would be without copying, and with
// fewer system calls: shares of its CPU samples (percent; those inside our own
// probes left out), and upper bounds for what a rewrite could win. None is a
// promise. Intervals are of 95 %, from the number of samples.
type Copies struct {
	Samples             int64       `json:"samples"`
	BytesPerRequest     *float64    `json:"bytes_per_request"`                // that the kernel copied for the target, both ways; nil without a request
	UserBytesPerRequest *float64    `json:"user_bytes_per_request,omitempty"` // estimate of what the target copied itself; see stats.Copies
	UserBytesInterval   *[2]float64 `json:"user_bytes_interval,omitempty"`    // where that lies; alone, from 0 on, it is but a bound
	KernelCopyPct       float64     `json:"kernel_copy_pct"`                  // copy routines under send and receive
	KernelCopyInterval  *[2]float64 `json:"kernel_copy_interval,omitempty"`
	UserCopyPct         float64     `json:"user_copy_pct"` // memcpy, memmove and what is seen of their inlined forms
	UserCopyInterval    *[2]float64 `json:"user_copy_interval,omitempty"`
	BufferPct           float64     `json:"buffer_pct"`        // pages that hold the copies: taking, clearing, giving back
	AllocationPct       float64     `json:"allocation_pct"`    // malloc, free and their kin
	ParsingPct          float64     `json:"parsing_pct"`       // functions whose names say so, less what they allocate and copy
	SyscallEntryPct     float64     `json:"syscall_entry_pct"` // entering and leaving the kernel
	WakeUpPct           float64     `json:"wake_up_pct"`       // waking others and going to sleep
	CallWorkPct         float64     `json:"call_work_pct"`     // what else the calls do
	OtherPct            float64     `json:"other_pct"`
	ZeroCopyHeadroomPct float64     `json:"zero_copy_headroom_pct"` // more requests on the same CPU time, at most, without any copy; upper end of 99.9 %
	ZeroCopyInterval    *[2]float64 `json:"zero_copy_headroom_interval,omitempty"`
	BatchingHeadroomPct float64     `json:"batching_headroom_pct"` // the same without the fixed cost of calls: all made one
	BatchingInterval    *[2]float64 `json:"batching_headroom_interval,omitempty"`
	Batching            []Batching  `json:"batching"` // the same for several calls made one
	CallsPerRequest     float64     `json:"calls_per_request"`
	Advice              string      `json:"advice"` // "copies", "calls", "both" or "neither": which is worth a look first
}

// Batching is the upper bound for calls that are batched Calls to one.
type Batching struct {
	Calls       int     `json:"calls"`
	HeadroomPct float64 `json:"headroom_pct"`
}

// The values of Copies.Advice.
const (
	AdviseCopies  = "copies"
	AdviseCalls   = "calls"
	AdviseBoth    = "both"
	AdviseNeither = "neither"
)
