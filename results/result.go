// SPDX-License-Identifier: Apache-2.0

package results

// SchemaVersion is the version of result.json that this program writes.
const SchemaVersion = 1

// Result is the whole of a measurement: result.json. A part that was not
// measured is nil and its key absent; nothing is filled in.
type Result struct {
	SchemaVersion  int      `json:"schema_version"`
	Valid          bool     `json:"valid"`
	InvalidReasons []string `json:"invalid_reasons"`
	Warnings       []string `json:"warnings"`

	Tool        Tool        `json:"tool"`
	Run         Run         `json:"run"`
	Target      Target      `json:"target"`
	Environment Environment `json:"environment"`
	Load        *Load       `json:"load,omitempty"`
	Latency     *Latency    `json:"latency,omitempty"`
	Traffic     *Traffic    `json:"traffic,omitempty"` // of a run without load of ours only
	Legs        *Legs       `json:"legs,omitempty"`
	Tail        *Tail       `json:"tail,omitempty"`       // of p99
	TailP999    *Tail       `json:"tail_p99_9,omitempty"` // of p99.9
	Join        *Join       `json:"join,omitempty"`
	Syscalls    []Syscall   `json:"syscalls,omitempty"`
	Upstream    *Upstream   `json:"upstream,omitempty"` // absent when nothing went there
	CPU         *CPU        `json:"cpu,omitempty"`
	Copies      *Copies     `json:"copies,omitempty"`
	Memory      *Memory     `json:"memory,omitempty"`
	Overhead    *Overhead   `json:"overhead,omitempty"`
	Loss        *Loss       `json:"loss,omitempty"`
	Limits      []Limit     `json:"limits,omitempty"`
	Search      *Search     `json:"search,omitempty"` // of `ipcprobe load --search` only
	Curve       *Curve      `json:"curve,omitempty"`  // of `ipcprobe load --curve` only
}

// Invalidate marks the result untrustworthy and keeps the reason.
func (r *Result) Invalidate(reason string) {
	r.Valid = false
	r.InvalidReasons = append(r.InvalidReasons, reason)
}

// Warn keeps a sentence that the reader of the result must see.
func (r *Result) Warn(warning string) { r.Warnings = append(r.Warnings, warning) }

// Distribution describes many durations (ns). A percentile that the count
// can't support (fewer than 20 samples beyond it) is nil.
type Distribution struct {
	Count int64   `json:"count"`
	Min   int64   `json:"min"`
	Mean  float64 `json:"mean"`
	P50   *int64  `json:"p50"`
	P90   *int64  `json:"p90"`
	P95   *int64  `json:"p95"`
	P99   *int64  `json:"p99"`
	P999  *int64  `json:"p99_9"`
	P9999 *int64  `json:"p99_99"`
	Max   int64   `json:"max"`
}

// Estimate is a figure with its 95 % confidence interval, in the unit of the
// key that holds it.
type Estimate struct {
	Point    float64
	Interval [2]float64
}

// Tool names the program that measured.
type Tool struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Run is what was asked for and what was done.
type Run struct {
	Name       string     `json:"name"`
	StartedAt  string     `json:"started_at"` // RFC 3339, UTC
	DurationNs int64      `json:"duration_ns"`
	WarmupNs   int64      `json:"warmup_ns"`
	Slices     []RunSlice `json:"slices"`
	Seed       uint64     `json:"seed"`
	Command    []string   `json:"command"`
	Partial    bool       `json:"partial,omitempty"` // ended before its time
	EndedBy    string     `json:"ended_by,omitempty"`
	Rung       string     `json:"rung,omitempty"`    // where the probes hung: tp_btf, tracepoint, fentry, kprobe, syscall
	Sitting    string     `json:"sitting,omitempty"` // of a suite's phase: when the suite began, RFC 3339, UTC
}

// RunSlice is the short form of a Slice in result.json.
type RunSlice struct {
	Mode          string  `json:"mode"`
	Carried       string  `json:"carried,omitempty"` // of a probed slice: all, calls or clock
	StartNs       int64   `json:"start_ns"`          // since the first slice began
	DurationNs    int64   `json:"duration_ns"`
	Requests      int64   `json:"requests"`
	ThroughputRPS float64 `json:"throughput_rps"`
	P50           *int64  `json:"p50"`
	P99           *int64  `json:"p99"`
	CPUNs         int64   `json:"cpu_ns"` // of the target
}

// HistogramBar is one bar of the drawn latency histogram: requests whose
// response time lies in [From, To) ns.
type HistogramBar struct {
	From, To int64
	Count    int64
}

// Target is the process that was measured.
type Target struct {
	PID        int      `json:"pid"`
	Executable string   `json:"executable"`
	BuildID    string   `json:"build_id,omitempty"`
	Command    []string `json:"command"`
	Socket     string   `json:"socket"`
	Threads    int      `json:"threads"`
	Protocol   string   `json:"protocol"`
	Ended      string   `json:"ended,omitempty"`    // how, when it ended during the run
	Children   *Family  `json:"children,omitempty"` // absent when it has none
	NATS       *NATS    `json:"nats,omitempty"`     // the reference gateway's own server; else absent
}

// Family is the target's child processes, and theirs.
type Family struct {
	Processes int  `json:"processes"` // at most at one time, of the looks that were taken
	Followed  bool `json:"followed"`  // their threads count as the target's (--children)
}

// NATS counts the messages of the reference gateway, over its whole life.
type NATS struct {
	Published int64 `json:"published"` // by the gateway
	Received  int64 `json:"received"`  // by the worker behind the NATS server
	Answered  int64 `json:"answered"`  // by that worker
}

// Environment is the machine, as far as it bears on the figures.
type Environment struct {
	Kernel      string    `json:"kernel"`
	CPUModel    string    `json:"cpu_model"`
	CPUs        int       `json:"cpus"`
	Virtualised bool      `json:"virtualised"`
	Lockdown    string    `json:"lockdown"`
	StealPct    float64   `json:"steal_pct"`
	Placement   Placement `json:"placement"`
}

// Placement says on which CPUs client and server were seen to run. Two runs
// placed differently are not compared.
type Placement struct {
	TargetCPUs    []int   `json:"target_cpus"`
	GeneratorCPUs []int   `json:"generator_cpus"`
	SharedPct     float64 `json:"shared_pct"` // looks that found both on one CPU
}

// Reaches says whether a rate is the one that was asked for: arrivals are random.
func Reaches(rate, asked float64) bool { return rate >= 0.97*asked }

// Load is the client's part: what was offered and what came back.
type Load struct {
	Loop            string      `json:"loop"` // "open" or "closed"
	Arrivals        string      `json:"arrivals,omitempty"`
	Connections     int         `json:"connections"`
	Pipeline        int         `json:"pipeline"`
	Batch           bool        `json:"batch,omitempty"` // all of Pipeline is sent at once
	OfferedRPS      *float64    `json:"offered_rps"`     // nil in a closed loop
	AchievedRPS     *float64    `json:"achieved_rps"`    // bare slices; nil when invalid
	AchievedRange   *[2]float64 `json:"achieved_interval,omitempty"`
	PayloadBytes    int         `json:"payload_bytes"`
	Requests        Counts      `json:"requests"`
	GeneratorCPUPct float64     `json:"generator_cpu_pct"` // of one core
	Kinds           []KindLoad  `json:"kinds,omitempty"`   // of a mix, in its order; absent when there is one kind
}

// Latency is from the client's stamps in bare slices.
type Latency struct {
	ResponseTime *Distribution `json:"response_time"`
	RoundTrip    *Distribution `json:"round_trip"`
	SendLag      *Distribution `json:"send_lag"`
	// ClosedLoop is what a client that asks only when it has its answer would have
	// seen of an open loop's load: the round trips of the requests that were sent
	// while their connection owed no other. Nil in a closed loop.
	ClosedLoop  *Distribution  `json:"closed_loop_view,omitempty"`
	Histogram   []HistogramBar `json:"-"` // of response time, for drawing
	P50Interval *[2]float64    `json:"response_time_p50_interval,omitempty"`
	P99Interval *[2]float64    `json:"response_time_p99_interval,omitempty"`
}

// Legs are the parts of a request's round trip, from joined requests of probed
// slices. Means add up to the mean round trip; percentiles don't.
type Legs struct {
	RoundTrip *Distribution `json:"round_trip"` // of the same joined requests
	SendCall  *Distribution `json:"send_call"`
	QueueWait *Distribution `json:"queue_wait"`
	// UntilTaken is send call and queue wait together, where the rung of the probes
	// does not tell them apart; then both are nil.
	UntilTaken    *Distribution `json:"until_taken,omitempty"`
	ServiceTime   *Distribution `json:"service_time"`
	ReplyDelivery *Distribution `json:"reply_delivery"`

	// Parts of service time, of the requests for which they are known. Their
	// means add up to that of the service time.
	ServiceOnCPUUser   *Distribution `json:"service_on_cpu_user,omitempty"`
	ServiceOnCPUKernel *Distribution `json:"service_on_cpu_kernel,omitempty"`
	ServiceBlocked     *Distribution `json:"service_blocked,omitempty"` // upstream wait apart
	ServiceRunQueue    *Distribution `json:"service_run_queue,omitempty"`
	UpstreamWait       *Distribution `json:"upstream_wait,omitempty"`

	// Parts of queue wait, likewise.
	QueueBusy     *Distribution `json:"queue_busy,omitempty"` // the server was at other requests
	QueueRunQueue *Distribution `json:"queue_run_queue,omitempty"`
	QueueWakeUp   *Distribution `json:"queue_wake_up,omitempty"`

	// Parts of reply delivery, likewise.
	DeliverySending  *Distribution `json:"delivery_sending,omitempty"` // the server's send call
	DeliveryRunQueue *Distribution `json:"delivery_run_queue,omitempty"`
	DeliveryWakeUp   *Distribution `json:"delivery_wake_up,omitempty"`
	DeliveryBusy     *Distribution `json:"delivery_busy,omitempty"` // the client was at other answers
}

// Tail says what the slowest of the joined requests have more of than the median
// one. Shares of the excess are in percent and add up to 100.
type Tail struct {
	Quantile      float64            `json:"quantile"` // of the round trip: 0.99, 0.999
	Requests      int64              `json:"requests"` // beyond it, that this is made of
	ShareOfExcess map[string]float64 `json:"share_of_excess"`
	Exemplars     []Exemplar         `json:"exemplars"` // the slowest, slowest first
}

// Exemplar is one slow request in full. Stamps are ns since the first slice began.
type Exemplar struct {
	Connection uint32           `json:"connection"`
	Intended   int64            `json:"intended"`
	Sent       int64            `json:"sent"`
	Queued     *int64           `json:"queued"` // nil where the probes can't see it
	Taken      int64            `json:"taken"`
	Answered   int64            `json:"answered"`
	Received   int64            `json:"received"`
	RoundTrip  int64            `json:"round_trip"`
	Parts      map[string]int64 `json:"parts"` // ns, those above 0
}

// Join accounts for the requests of the probed slices that follow them: see Carried.
type Join struct {
	Requests   int64            `json:"requests"` // sent in such a slice, and answered
	Matched    int64            `json:"matched"`
	Unmatched  map[string]int64 `json:"unmatched"` // by reason
	MatchedPct float64          `json:"matched_pct"`
	Identity   int64            `json:"identity"` // matched requests with residual 0
	Residual   *Distribution    `json:"residual"`
}

// Syscall is one row of the table, from probed slices, all threads.
type Syscall struct {
	Name            string           `json:"name"`
	Calls           int64            `json:"calls"`
	CallsPerRequest float64          `json:"calls_per_request"`
	BytesPerCall    *float64         `json:"bytes_per_call"` // nil where the call moves none
	TotalNs         int64            `json:"total_ns"`
	Latency         *Distribution    `json:"latency"`
	Errors          map[string]int64 `json:"errors"`                   // by errno name
	NsPerRequest    *float64         `json:"ns_per_request,omitempty"` // TotalNs less idleness, for each request; nil without requests
	Threads         []SyscallThread  `json:"threads,omitempty"`        // most time first; absent when there was one thread
}

// SyscallThread is what one thread did of a call.
type SyscallThread struct {
	Thread  uint32 `json:"thread"` // thread id in the root PID namespace; 0: all that were too many to tell apart
	Process uint32 `json:"process"`
	Name    string `json:"name"`
	Calls   int64  `json:"calls"`
	TotalNs int64  `json:"total_ns"`
	Failed  int64  `json:"failed"` // of the calls
}

// Upstream is what went over connections that the target opened itself, in probed
// slices. A round trip is a receive before which something had been sent on the
// same connection: several requests that are answered together are one.
type Upstream struct {
	Sends                int64   `json:"sends"` // calls
	Receives             int64   `json:"receives"`
	BytesOut             int64   `json:"bytes_out"`
	BytesIn              int64   `json:"bytes_in"`
	RoundTrips           int64   `json:"round_trips"`
	BytesOutPerRequest   float64 `json:"bytes_out_per_request"`
	BytesInPerRequest    float64 `json:"bytes_in_per_request"`
	RoundTripsPerRequest float64 `json:"round_trips_per_request"`
}

// CPU is what the target spent. Utilisation and ns per request come from the
// bare slices' clocks, functions from samples of the probed ones.
type CPU struct {
	UtilisationPct    float64 `json:"utilisation_pct"` // of one core
	UserPct           float64 `json:"user_pct"`        // of one core
	KernelPct         float64 `json:"kernel_pct"`      // of one core
	NsPerRequest      float64 `json:"ns_per_request"`
	Samples           int64   `json:"samples"`
	CompleteStacksPct float64 `json:"complete_stacks_pct"`
	OwnProgramsPct    float64 `json:"own_programs_pct"` // samples inside our own probes
	// CutStacks counts the samples whose stack is not whole, by why its walk ended.
	CutStacks map[string]int64 `json:"cut_stacks,omitempty"`
	// UnwindCoveragePct is the share of the target's executable bytes that stacks
	// can be walked through; nil where no samples were taken.
	UnwindCoveragePct *float64   `json:"unwind_coverage_pct,omitempty"`
	Top               []Function `json:"top"`

	ByRate []RatePoint `json:"by_rate,omitempty"` // of a run whose rate changes, lowest first
}

// RatePoint is what the target spent at one of several rates.
type RatePoint struct {
	RPS            float64  `json:"rps"` // answered
	Slices         int      `json:"slices"`
	UtilisationPct float64  `json:"utilisation_pct"` // of one core
	NsPerRequest   *float64 `json:"ns_per_request"`  // nil without a request
}

// Function is one function's share of the target's CPU samples.
type Function struct {
	Function string  `json:"function"`
	Object   string  `json:"object"`
	SelfPct  float64 `json:"self_pct"`
	TotalPct float64 `json:"total_pct"`
}

// Overhead is the probes' own cost, from neighbouring bare and probed slices:
// the percentage by which throughput fell (closed loop) and the target's CPU
// time a request rose.
type Overhead struct {
	ThroughputPct  *float64      `json:"throughput_pct"`
	CPUPct         *float64      `json:"cpu_pct"`
	Interval       *[2]float64   `json:"interval"` // of the figure that Quoted names
	CPUInterval    *[2]float64   `json:"cpu_interval,omitempty"`
	Quoted         string        `json:"quoted"` // "throughput" or "cpu"
	Pairs          int           `json:"pairs"`
	ProbedSharePct float64       `json:"probed_share_pct"` // of the run's time
	Programs       []ProgramCost `json:"programs"`
}

// ProgramCost is the kernel's count of one of our programs (BPF statistics):
// its body only, not the trap or trampoline before it.
type ProgramCost struct {
	Name     string  `json:"name"`
	Runs     uint64  `json:"runs"`
	NsPerRun float64 `json:"ns_per_run"`
}

// Loss accounts for every event that our programs saw:
// seen = emitted + filtered + lost.
type Loss struct {
	Seen       uint64        `json:"seen"`
	Emitted    uint64        `json:"emitted"`
	Filtered   uint64        `json:"filtered"` // not of the target or its load
	Lost       uint64        `json:"lost"`     // the kernel could not emit
	Dropped    uint64        `json:"dropped"`  // we threw away
	Reconciled bool          `json:"reconciled"`
	Programs   []ProgramLoss `json:"programs"`
}

// What share of a program's events may be lost before its figures can't be trusted:
// of those that are followed one by one as many as requests may go unmatched; stacks
// are samples anyway.
const (
	lossBearable   = 1e-4
	lossOfSampling = 1e-2
)

// sampling are the programs that take stacks.
var sampling = map[string]bool{"cpu_sample": true, "off_cpu_stack": true, "call_stack": true}

// Bearable says whether so little was lost, of each program's own events (what it
// filtered is others'), that the rest stands for the whole. Another user of BPF on the
// machine can cost an event now and then: the kernel starts no program of perf's on a
// CPU inside another's.
func (l *Loss) Bearable() bool {
	for i := range l.Programs {
		p, most := &l.Programs[i], lossBearable
		if sampling[p.Name] {
			most = lossOfSampling
		}
		if float64(p.Lost) > most*float64(p.Emitted+p.Lost) {
			return false
		}
	}
	return true
}

// ProgramLoss is the same account for one program.
type ProgramLoss struct {
	Name     string `json:"name"`
	Seen     uint64 `json:"seen"`
	Emitted  uint64 `json:"emitted"`
	Filtered uint64 `json:"filtered"`
	Lost     uint64 `json:"lost"`
}
