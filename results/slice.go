// SPDX-License-Identifier: Apache-2.0

package results

import "github.com/HdrHistogram/hdrhistogram-go"

// Bounds of every latency histogram: 1 ns to 120 s with 3 significant digits,
// so that histograms of any two intervals can be added.
const (
	HistogramMin    = 1
	HistogramMax    = 120_000_000_000
	HistogramDigits = 3
)

// NewHistogram returns an empty HDR histogram with this package's bounds.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(HistogramMin, HistogramMax, HistogramDigits)
}

// Mode says what was attached to the target during a slice.
type Mode uint8

const (
	// Gap: probes were being attached or detached, or nothing was to be counted.
	// Nothing of it is quoted.
	Gap Mode = iota
	// Warmup: before the first slice. Nothing of it is quoted.
	Warmup
	// Bare: no probe attached. Throughput and latency are quoted from here.
	Bare
	// Probed: probes attached, as Slice.Carried says. The kernel's view comes from here.
	Probed
)

// String gives the word that reports and files use for the mode.
func (m Mode) String() string {
	return [...]string{"gap", "warmup", "bare", "probed"}[m]
}

// Carried says which families of probes a probed slice carried. Where they disturb one
// another's figures they take turns.
type Carried uint8

const (
	// CarriedAll: all of them.
	CarriedAll Carried = iota
	// CarriedCalls: all but the clock that samples the CPU.
	CarriedCalls
	// CarriedClock: that clock, with the probes of sockets and threads, which tell
	// which request a sample belongs to; not those of system calls.
	CarriedClock
)

// String gives the word that files use for what was carried.
func (c Carried) String() string {
	return [...]string{"all", "calls", "clock"}[c]
}

// Clock says that the CPU was sampled.
func (c Carried) Clock() bool { return c != CarriedCalls }

// Calls says that requests were followed from call to call, and system calls counted.
func (c Carried) Calls() bool { return c != CarriedClock }

// Counts are requests by what became of them. A request counts in the interval
// in which it ended; Sent counts where it was sent.
type Counts struct {
	Sent     int64 `json:"sent"`
	OK       int64 `json:"ok"`
	Error    int64 `json:"error"`    // the protocol calls the answer an error
	Timeout  int64 `json:"timeout"`  // no answer in time
	Broken   int64 `json:"broken"`   // the connection ended or sent no frame
	Censored int64 `json:"censored"` // unfinished when the run ended
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Sent += other.Sent
	c.OK += other.OK
	c.Error += other.Error
	c.Timeout += other.Timeout
	c.Broken += other.Broken
	c.Censored += other.Censored
}

// Failed is the number of requests that ended in anything but a good answer;
// censored ones have not ended.
func (c Counts) Failed() int64 { return c.Error + c.Timeout + c.Broken }

// Interval is 100 ms of the client's view within one slice at most, or in a slice of
// minutes some seconds. Intervals are the grain of the bootstrap and of latency.hlog.
// Only good answers are in the histograms.
type Interval struct {
	Slice        int // Slice.Index
	Start, End   int64
	Counts       Counts
	BytesOut     int64
	BytesIn      int64
	ResponseTime Durations
	RoundTrip    Durations
	SendLag      Durations
	ClosedLoop   Durations // round trips of an open loop's requests on connections that owed nothing
}

// Merge adds what other saw to v, which then covers the time of both.
func (v *Interval) Merge(other *Interval) {
	v.Start, v.End = min(v.Start, other.Start), max(v.End, other.End)
	v.Counts.Add(other.Counts)
	v.BytesOut += other.BytesOut
	v.BytesIn += other.BytesIn
	v.ResponseTime.Merge(other.ResponseTime)
	v.RoundTrip.Merge(other.RoundTrip)
	v.SendLag.Merge(other.SendLag)
	v.ClosedLoop.Merge(other.ClosedLoop)
}

// CPUTime is a reading of the clocks of a process, ns since it started. Total
// is the scheduler's exact sum; User and Kernel are the kernel's split of it
// (utime, stime: exact in sum, sampled by the tick in their ratio).
type CPUTime struct {
	At     int64 // when it was read
	Total  int64
	User   int64
	Kernel int64
}

// Slice is a stretch of the run in one mode. Start and End are stamps of the
// load generator; requests that begin between them belong to it, however late
// they are answered.
type Slice struct {
	Index       int
	Mode        Mode
	Carried     Carried // of a probed slice
	Start, End  int64
	Intervals   []Interval
	Kinds       []KindCounts // by Request.Kind; nil when there is one kind
	TargetCPU   [2]CPUTime   // at the slice's start and end
	GeneratorNs int64        // CPU time that the load generator spent in it
}

// Seconds is the slice's length.
func (s *Slice) Seconds() float64 { return float64(s.End-s.Start) / 1e9 }

// Coarsen makes one interval of all, to save memory in a long run: the bootstrap
// takes blocks of 1 s anyway.
func (s *Slice) Coarsen() {
	if len(s.Intervals) < 2 {
		return
	}
	whole := s.Intervals[0]
	for i := 1; i < len(s.Intervals); i++ {
		whole.Merge(&s.Intervals[i])
	}
	s.Intervals = []Interval{whole}
}

// Counts adds up the slice's intervals.
func (s *Slice) Counts() Counts {
	var c Counts
	for i := range s.Intervals {
		c.Add(s.Intervals[i].Counts)
	}
	return c
}
