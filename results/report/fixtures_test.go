// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"math/rand/v2"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

func ptr[T any](v T) *T { return &v }

// recorded is a histogram of n durations around median ns, with a long tail.
func recorded(seed uint64, n int, median, spread float64) *hdrhistogram.Histogram {
	rng := rand.New(rand.NewPCG(seed, 1))
	h := results.NewHistogram()
	weight := 1
	if n%10 == 0 && n > 10_000 {
		weight = 10
	}
	for range n / weight {
		v := median * math.Exp(spread*rng.NormFloat64())
		if rng.IntN(500) == 0 {
			v *= 4 + 10*rng.Float64()
		}
		if err := h.RecordValues(int64(v), int64(weight)); err != nil {
			panic(err)
		}
	}
	return h
}

// described is what the statistics make of a histogram.
func described(h *hdrhistogram.Histogram) *results.Distribution {
	n := h.TotalCount()
	at := func(q float64) *int64 {
		if float64(n)*(100-q)/100 < 19.999 {
			return nil
		}
		return ptr(h.ValueAtPercentile(q))
	}
	return &results.Distribution{Count: n, Min: h.Min(), Mean: h.Mean(), Max: h.Max(),
		P50: at(50), P90: at(90), P95: at(95), P99: at(99), P999: at(99.9), P9999: at(99.99)}
}

func spread(seed uint64, n int, median, width float64) *results.Distribution {
	return described(recorded(seed, n, median, width))
}

// barsOf makes a drawn histogram of steps that grow by a constant factor.
func barsOf(h *hdrhistogram.Histogram) []results.HistogramBar {
	const factor = 1.26
	var out []results.HistogramBar
	for from := float64(h.Min()); from <= float64(h.Max()); from *= factor {
		out = append(out, results.HistogramBar{From: int64(from), To: int64(from * factor)})
	}
	for _, b := range h.Distribution() {
		for i := range out {
			if b.From >= out[i].From && b.From < out[i].To {
				out[i].Count += b.Count
			}
		}
	}
	return out
}

// healthy is a closed-loop run of a gateway at its limit.
func healthy() *results.Result {
	response := recorded(1, 206_000, 92_000, 0.22)
	legs := &results.Legs{
		SendCall: spread(2, 206_000, 4_100, 0.3), QueueWait: spread(3, 206_000, 57_000, 0.3),
		ServiceTime: spread(4, 206_000, 22_800, 0.2), ReplyDelivery: spread(5, 206_000, 7_300, 0.4),
	}
	legs.RoundTrip = spread(6, 206_000, 92_500, 0.2)
	legs.RoundTrip.Mean = legs.SendCall.Mean + legs.QueueWait.Mean + legs.ServiceTime.Mean + legs.ReplyDelivery.Mean
	r := &results.Result{
		SchemaVersion: results.SchemaVersion, Valid: true,
		Tool: results.Tool{Version: "1.0.0", Commit: "0123abcd"},
		Run: results.Run{Name: "v1.0", StartedAt: "2026-11-23T16:40:02Z", DurationNs: 10e9, WarmupNs: 1e9, Seed: 42,
			Command: []string{"ipcprobe", "run", "--pid", "4242"}},
		Target: results.Target{PID: 4242, Executable: "/usr/local/bin/ipc-gateway", BuildID: "9f2c",
			Command: []string{"ipc-gateway", "--socket", "/run/gateway.sock"}, Socket: "/run/gateway.sock",
			Threads: 1, Protocol: "ipc"},
		Environment: results.Environment{Kernel: "6.1.0-32-amd64", CPUModel: "AMD EPYC 7B13", CPUs: 4, Virtualised: true,
			Lockdown: "none", StealPct: 0.3, Placement: results.Placement{TargetCPUs: []int{1}, GeneratorCPUs: []int{2, 3}}},
		Load: &results.Load{Loop: "closed", Connections: 4, Pipeline: 1, AchievedRPS: ptr(41_312.6),
			AchievedRange: &[2]float64{40_911, 41_702}, PayloadBytes: 256, GeneratorCPUPct: 61.4,
			Requests: results.Counts{Sent: 412_990, OK: 412_990}},
		Latency: &results.Latency{ResponseTime: described(response), RoundTrip: described(response),
			SendLag: spread(7, 206_000, 900, 0.5), Histogram: barsOf(response),
			P50Interval: &[2]float64{91_200, 92_900}, P99Interval: &[2]float64{151_000, 163_000}},
		Legs: legs,
		Join: &results.Join{Requests: 206_031, Matched: 206_000, Unmatched: map[string]int64{"lost event": 20, "not seen": 11},
			MatchedPct: 99.98495, Identity: 205_200, Residual: spread(8, 206_000, 40, 0.5)},
		Syscalls: []results.Syscall{
			call("poll", 103_000, 206_000, nil, spread(10, 103_000, 12_000, 0.6)),
			call("recvfrom", 412_060, 206_000, ptr(262.0), spread(9, 412_060, 1_100, 0.2)),
			call("sendto", 206_000, 206_000, ptr(70.2), spread(11, 206_000, 5_900, 0.2)),
			call("writev", 206_000, 206_000, ptr(418.0), spread(12, 206_000, 4_300, 0.3)),
			call("accept4", 4, 206_000, nil, spread(13, 4, 9_000, 0.1)),
		},
		CPU: &results.CPU{UtilisationPct: 97.2, UserPct: 58.1, KernelPct: 39.1, NsPerRequest: 23_540, Samples: 4_810,
			CompleteStacksPct: 98.7, OwnProgramsPct: 0.6, Top: []results.Function{
				{Function: "ipc_protocol_decode", Object: "ipc-gateway", SelfPct: 35.2, TotalPct: 38.9},
				{Function: "nats_publish", Object: "libnats.so.3.9", SelfPct: 24.8, TotalPct: 31.0},
				{Function: "json_parse", Object: "libjansson.so.4", SelfPct: 15.1, TotalPct: 15.1},
				{Function: "unix_stream_sendmsg", Object: "[kernel]", SelfPct: 9.04, TotalPct: 12.2},
				{Function: "memmove", Object: "libc.so.6", SelfPct: 3.3, TotalPct: 3.3}}},
		Copies: &results.Copies{Samples: 4_781, BytesPerRequest: ptr(1_310.0), CallsPerRequest: 3.2,
			UserBytesInterval: &[2]float64{0, 57_800},
			KernelCopyPct:     6.1, KernelCopyInterval: &[2]float64{5.5, 6.8}, UserCopyPct: 3.3, UserCopyInterval: &[2]float64{2.8, 3.8},
			BufferPct: 0.04, AllocationPct: 4.4, ParsingPct: 50.2, SyscallEntryPct: 7.3, WakeUpPct: 9.9, CallWorkPct: 14.3, OtherPct: 4.5,
			ZeroCopyHeadroomPct: 11.3, ZeroCopyInterval: &[2]float64{9.5, 11.3},
			BatchingHeadroomPct: 48.6, BatchingInterval: &[2]float64{43.5, 48.6},
			Batching: []results.Batching{{Calls: 2, HeadroomPct: 19.5}, {Calls: 8, HeadroomPct: 40.1}, {Calls: 32, HeadroomPct: 46.4}},
			Advice:   results.AdviseCalls},
		Memory: remembered(),
		Overhead: &results.Overhead{ThroughputPct: ptr(1.42), CPUPct: ptr(2.1), Interval: &[2]float64{0.61, 2.2},
			CPUInterval: &[2]float64{1.2, 3.1}, Quoted: "throughput", Pairs: 9, ProbedSharePct: 49.8,
			Programs: []results.ProgramCost{{Name: "sock_send_length", Runs: 412_000, NsPerRun: 112.4},
				{Name: "sys_exit", Runs: 1_030_000, NsPerRun: 88.31}}},
		Loss: &results.Loss{Seen: 1_648_212, Emitted: 824_000, Filtered: 824_212, Reconciled: true},
	}
	for i := range 20 {
		mode := results.Bare
		if i%2 == 1 {
			mode = results.Probed
		}
		r.Run.Slices = append(r.Run.Slices, results.RunSlice{Mode: mode.String(), StartNs: int64(i) * 5e8,
			DurationNs: 5e8, Requests: 20_600, ThroughputRPS: 41_200, P50: ptr(int64(92_000)), P99: ptr(int64(155_000)), CPUNs: 48e7})
	}
	r.Syscalls[1].Errors = map[string]int64{"EAGAIN": 206_030, "ECONNRESET": 2}
	return r
}

// remembered is the memory of a process that took much once and gave it back.
func remembered() *results.Memory {
	m := &results.Memory{RSSBaselineBytes: 12_582_912, RSSPeakBytes: 47_185_920, RSSFinalBytes: 13_631_488,
		Source: "smaps_rollup", PeakSource: "VmHWM", LifePeak: 47_185_920, SettleNs: 250e6, Settled: true, FaultsPerRequest: ptr(0.034),
		Baseline: &results.MemoryParts{RSSBytes: 12_582_912, PSSBytes: 9_582_912, AnonBytes: 7_340_032, FileBytes: 5_242_880},
		Largest:  &results.MemoryParts{RSSBytes: 40_582_912, PSSBytes: 37_582_912, AnonBytes: 35_340_032, FileBytes: 5_242_880},
		Final:    &results.MemoryParts{RSSBytes: 13_631_488, PSSBytes: 10_582_912, AnonBytes: 8_388_608, FileBytes: 5_242_880},
		Faults:   []results.MemoryOrigin{{Kind: "fault", Count: 6_812, Frames: []string{"json_load_callback", "decode", "main", "_start"}}},
		Growth: []results.MemoryOrigin{{Kind: "brk", Count: 21, Bytes: 2_838_528, Frames: []string{"__brk", "__sbrk", "sysmalloc", "malloc"}},
			{Kind: "munmap", Count: 3, Bytes: -405_504}},
		Leak: &results.Leak{Verdict: results.LeakNone, BytesPer1000: ptr(120.0), Interval: &[2]float64{0, 1_900}, Resolution: ptr(6_900.0),
			View: "rss", Requests: 260_960, Reason: "what is kept does not grow with the requests"}}
	for i := range 40 {
		size := int64(12_582_912)
		if i >= 2 && i < 38 {
			size = 13_631_488
		}
		if i >= 15 && i < 17 {
			size = 40_582_912
		}
		m.Curve = append(m.Curve, results.MemoryPoint{AtNs: int64(i) * 25e7, Requests: int64(min(max(i-2, 0), 36)) * 11_444, RSSBytes: size})
	}
	return m
}

func call(name string, calls, requests int64, bytes *float64, d *results.Distribution) results.Syscall {
	return results.Syscall{Name: name, Calls: calls, CallsPerRequest: float64(calls) / float64(requests),
		BytesPerCall: bytes, TotalNs: int64(d.Mean * float64(calls)), Latency: d,
		NsPerRequest: ptr(d.Mean * float64(calls) / float64(requests))}
}

// openLoop is a run at a rate that the gateway bears, waiting for NATS.
func openLoop() *results.Result {
	r := healthy()
	response := recorded(21, 50_000, 412_000, 0.3)
	r.Load = &results.Load{Loop: "open", Arrivals: "poisson", Connections: 16, Pipeline: 1, OfferedRPS: ptr(10_000.0),
		AchievedRPS: ptr(9_998.0), AchievedRange: &[2]float64{9_991, 10_004}, PayloadBytes: 1024, GeneratorCPUPct: 24,
		Requests: results.Counts{Sent: 100_002, OK: 99_901, Error: 61, Timeout: 30, Broken: 8, Censored: 2}}
	r.Latency = &results.Latency{ResponseTime: described(response), RoundTrip: spread(22, 50_000, 405_000, 0.3),
		SendLag: spread(23, 50_000, 6_000, 0.4), Histogram: barsOf(response)}
	r.Legs = &results.Legs{SendCall: spread(24, 50_000, 3_900, 0.2), QueueWait: spread(25, 50_000, 61_000, 0.5),
		ServiceTime: spread(26, 50_000, 340_000, 0.3), ReplyDelivery: spread(27, 50_000, 2_100, 0.3),
		RoundTrip: spread(28, 50_000, 410_000, 0.3)}
	r.Legs.RoundTrip.Mean = r.Legs.SendCall.Mean + r.Legs.QueueWait.Mean + r.Legs.ServiceTime.Mean + r.Legs.ReplyDelivery.Mean
	r.CPU.UtilisationPct, r.CPU.UserPct, r.CPU.KernelPct, r.CPU.NsPerRequest = 31.2, 18, 13.2, 31_200
	r.Environment.Placement.SharedPct = 12
	r.Overhead.ThroughputPct, r.Overhead.Quoted, r.Overhead.Interval, r.Overhead.CPUInterval = nil, "cpu", &[2]float64{-0.4, 4.4}, nil
	r.Limits = []results.Limit{{Metric: "p99", Bound: "<", Limit: 10e6, Measured: ptr(1_080_000.0), Met: true, Unit: "ns"},
		{Metric: "rss", Bound: "<", Limit: 40 << 20, Measured: ptr(47_185_920.0), Unit: "bytes"},
		{Metric: "leak", Bound: "=", Unit: "bytes/1000 requests", Reason: "5,000 requests are too few to tell a leak from a pool that grows"}}
	r.Upstream = &results.Upstream{Sends: 50_010, Receives: 49_870, BytesOut: 16_302_000, BytesIn: 3_903_000, RoundTrips: 49_802,
		BytesOutPerRequest: 326.04, BytesInPerRequest: 78.06, RoundTripsPerRequest: 0.996}
	r.Syscalls[1].Threads = []results.SyscallThread{{Thread: 4250, Process: 4242, Name: "reader", Calls: 300_000, TotalNs: 31e8, Failed: 3},
		{Thread: 4242, Process: 4242, Name: "ipc-gateway", Calls: 112_060, TotalNs: 14e8}}
	r.Syscalls[2].Threads = []results.SyscallThread{{Thread: 4242, Process: 4242, Name: "ipc-gateway", Calls: 206_000, TotalNs: 12e8}}
	r.Target.Children = &results.Family{Processes: 2, Followed: true}
	r.Memory.Leak = &results.Leak{Verdict: results.LeakInconclusive, View: "rss", Requests: 5_000,
		Reason: "5,000 requests are too few to tell a leak from a pool that grows; 15,000 can"}
	r.Memory.EarlierPeak, r.Memory.LifePeak, r.Memory.PeakSource = true, 64<<20, "smaps_rollup"
	r.Target.NATS = &results.NATS{Published: 110_002, Received: 110_002, Answered: 110_002}
	r.Warn("the steal time of the machine was 0.3 %; see docs/measuring")
	r.CPU.ByRate = []results.RatePoint{{RPS: 0, Slices: 1, UtilisationPct: 0.2}, {RPS: 1012, Slices: 4, UtilisationPct: 2.61, NsPerRequest: ptr(25_800.0)},
		{RPS: 4950, Slices: 5, UtilisationPct: 11.7, NsPerRequest: ptr(23_640.0)}}
	return r
}

// late is a run whose generator could not keep its schedule.
func late() *results.Result {
	r := openLoop()
	r.Load.AchievedRPS, r.Load.AchievedRange = nil, nil
	r.Latency.SendLag = spread(31, 50_000, 300_000, 0.8)
	r.Invalidate("the load generator was late: send lag p99 is 1.94 ms, above 10 % of the response time’s p99; give it a core of its own or lower --rate")
	return r
}

// partial is a run whose target died.
func partial() *results.Result {
	r := healthy()
	r.Run.DurationNs, r.Run.Slices, r.Run.Partial = 32e8, r.Run.Slices[:6], true
	r.Target.NATS = &results.NATS{Published: 140_003, Received: 139_998, Answered: 139_998}
	r.Run.EndedBy = "the target ended after 3.2 s, killed by signal 13 (SIGPIPE)"
	r.Target.Ended = "signal 13 (SIGPIPE)"
	r.Load.AchievedRPS, r.Load.AchievedRange = nil, nil
	r.Load.Requests = results.Counts{Sent: 131_840, OK: 131_836, Broken: 4}
	r.Invalidate("the target ended during the run")
	return r
}

// unmatched is a run of which nothing could be joined.
func unmatched() *results.Result {
	r := healthy()
	r.Legs = nil
	r.Join = &results.Join{Requests: 206_031, Unmatched: map[string]int64{"no anchor": 206_031}}
	r.Loss.Lost, r.Loss.Emitted, r.Loss.Reconciled, r.Loss.Dropped = 812_000, 11_990, false, 10
	r.Loss.Programs = []results.ProgramLoss{{Name: "sock_send_length", Seen: 824_000, Emitted: 11_990, Lost: 812_000, Filtered: 10},
		{Name: "sys_exit", Seen: 824_212, Filtered: 824_212}}
	r.CPU.Top = nil
	r.Overhead.ThroughputPct, r.Overhead.CPUPct, r.Overhead.Interval, r.Overhead.CPUInterval = nil, nil, nil, nil
	r.Warn("98.5 % of the events were lost: the ring was full")
	return r
}

// unqueued is a run on a kernel whose probes see system calls alone.
func unqueued() *results.Result {
	r := healthy()
	r.Run.Rung = "syscall"
	until := *r.Legs.QueueWait
	until.Mean += r.Legs.SendCall.Mean
	r.Legs.UntilTaken = &until
	r.Legs.SendCall, r.Legs.QueueWait = nil, nil
	r.Legs.QueueBusy, r.Legs.QueueRunQueue, r.Legs.QueueWakeUp = nil, nil, nil
	r.Tail, r.TailP999 = nil, nil
	r.Warn("the probes sit on system calls alone: when bytes are queued is not seen, so send call and queue wait are not known")
	return r
}

// hostile is a healthy run in which every name tries to break the report.
func hostile() *results.Result {
	const evil = "\x1b[31m\x1b]0;owned\x07|`**x**`<script>alert(1)</script>\r\n## fake\t\u202e\u200b\xff\u009b2J"
	wide := ""
	for range 30 {
		wide += "漢字テスト"
	}
	r := healthy()
	r.Target.Executable = "/tmp/" + evil + wide
	r.Target.Socket, r.Target.Protocol = "/tmp/"+wide+evil, evil
	r.Target.Command = []string{evil, wide}
	r.Target.Ended = evil
	r.Run.Name, r.Run.StartedAt, r.Tool.Version = evil, evil, evil
	r.Environment.Kernel, r.Environment.CPUModel = evil+wide, evil+wide
	r.Load.Arrivals = evil
	for i := range r.Syscalls {
		r.Syscalls[i].Name = evil + wide
		r.Syscalls[i].Errors = map[string]int64{evil: 1, wide: 2}
	}
	for i := range r.CPU.Top {
		r.CPU.Top[i].Function, r.CPU.Top[i].Object = evil+wide, wide+evil
	}
	for i := range 12 {
		r.Syscalls[0].Threads = append(r.Syscalls[0].Threads, results.SyscallThread{Thread: uint32(i), Name: evil + wide, Calls: 1})
	}
	r.CPU.Top[1].Function = "std::vector<std::pair<int, char const*>, std::allocator<std::pair<int, char const*> > >::operator[](unsigned long) const | `"
	r.CPU.Top[2].Function = "e\u0301\u0301\u0301\u0301 zalgo and 👩‍👩‍👧 family, flag 🇩🇪, ﷽"
	r.Memory.Source, r.Memory.PeakSource = evil, evil
	r.Memory.Massif = &results.Massif{PeakBytes: 3e6, PeakExtraBytes: 8e4, TimeUnit: evil,
		Snapshots: []results.MassifSnapshot{{Time: 0}, {Time: 40, HeapBytes: 3e6}, {Time: 90, HeapBytes: 1e6}},
		Sites:     []results.MassifSite{{Function: evil + wide, Bytes: 3e6}}}
	r.Memory.Faults[0].Frames = []string{wide, evil, evil + wide}
	r.Memory.Growth[0].Frames = []string{evil}
	r.Memory.Leak.Verdict, r.Memory.Leak.Reason = results.LeakFound, evil
	r.Memory.Leak.Stacks = []results.LeakStack{{Function: evil, Object: wide, Call: evil, BytesPer1000: 128_000, LiveBytes: 1 << 20, LiveObjects: 7}}
	r.Join.Unmatched = map[string]int64{evil: 20, wide: 11}
	r.Overhead.Programs[0].Name = evil
	r.Loss.Lost, r.Loss.Programs = 1, []results.ProgramLoss{{Name: evil + wide, Seen: 1, Lost: 1}}
	r.Limits = []results.Limit{{Metric: evil, Bound: evil, Limit: 1, Measured: ptr(2.0), Unit: evil}}
	r.Warnings = []string{evil + wide, "1. not a list", "- nor this", "# nor a heading", "see https://example.org and www.example.org"}
	return r
}

// tiny is a run of a handful of requests.
func tiny() *results.Result {
	r := healthy()
	h := recorded(41, 30, 92_000, 0.2)
	r.Run.DurationNs = 20e6
	r.Load.AchievedRPS, r.Load.AchievedRange = ptr(1500.0), nil
	r.Load.Requests = results.Counts{Sent: 30, OK: 30}
	r.Latency = &results.Latency{ResponseTime: described(h), RoundTrip: described(h), SendLag: described(h), Histogram: barsOf(h)}
	r.Legs = &results.Legs{SendCall: spread(42, 30, 4_000, 0.2), QueueWait: spread(43, 30, 0, 0),
		ServiceTime: spread(44, 30, 23_000, 0.2), ReplyDelivery: spread(45, 30, 7_000, 0.2), RoundTrip: spread(46, 30, 36_000, 0.1)}
	r.Join = &results.Join{Requests: 30, Matched: 30, MatchedPct: 100, Identity: 30, Residual: spread(47, 30, 10, 0)}
	r.Syscalls = r.Syscalls[4:]
	r.CPU = nil
	r.Memory = nil
	r.Overhead = nil
	r.Run.Slices = r.Run.Slices[:2]
	return r
}

// huge holds the largest figures that the types can.
func huge() *results.Result {
	r := healthy()
	const most = math.MaxInt64
	giant := &results.Distribution{Count: most, Min: most, Mean: most, Max: most, P50: ptr(int64(most)), P90: ptr(int64(most)),
		P95: ptr(int64(most)), P99: ptr(int64(most)), P999: ptr(int64(most)), P9999: ptr(int64(most))}
	r.Run.DurationNs, r.Run.WarmupNs = most, most
	r.Target.PID, r.Target.Threads = math.MaxInt32, math.MaxInt32
	r.Load = &results.Load{Loop: "open", Connections: math.MaxInt32, Pipeline: math.MaxInt32, OfferedRPS: ptr(1e18), AchievedRPS: ptr(1e18),
		AchievedRange: &[2]float64{1e17, 1e19}, PayloadBytes: math.MaxInt, GeneratorCPUPct: 1e9,
		Requests: results.Counts{Sent: most, OK: most / 2, Error: most / 8, Timeout: most / 8, Broken: most / 8, Censored: most / 8}}
	r.Latency = &results.Latency{ResponseTime: giant, RoundTrip: giant, SendLag: giant, P50Interval: &[2]float64{1e18, 9e18},
		Histogram: []results.HistogramBar{{From: 0, To: most / 2, Count: most / 4}, {From: most / 2, To: most, Count: most / 2}}}
	quarter := *giant
	quarter.Mean = giant.Mean / 4
	r.Legs = &results.Legs{RoundTrip: giant, SendCall: &quarter, QueueWait: &quarter, ServiceTime: &quarter, ReplyDelivery: &quarter}
	for i := range r.Syscalls {
		r.Syscalls[i] = results.Syscall{Name: r.Syscalls[i].Name, Calls: most, CallsPerRequest: 1e18, BytesPerCall: ptr(1e18), TotalNs: most,
			Latency: giant, Errors: map[string]int64{"EAGAIN": most}}
	}
	r.CPU.UtilisationPct, r.CPU.NsPerRequest, r.CPU.Samples = 6400, 1e18, most
	r.Memory = &results.Memory{RSSBaselineBytes: 1, RSSPeakBytes: most, RSSFinalBytes: most, Source: "smaps_rollup"}
	r.Loss = &results.Loss{Seen: math.MaxUint64, Emitted: math.MaxUint64, Filtered: math.MaxUint64, Lost: math.MaxUint64, Dropped: math.MaxUint64}
	r.Join = &results.Join{Requests: most, Matched: most - 1, MatchedPct: 99.9999999, Identity: most, Residual: giant,
		Unmatched: map[string]int64{"not seen": most}}
	r.Overhead.Programs[0].Runs, r.Overhead.Programs[0].NsPerRun = math.MaxUint64, 1e18
	return r
}

// watched is a run without a load of ours, and next to nothing measured.
func watched() *results.Result {
	r := healthy()
	return &results.Result{SchemaVersion: results.SchemaVersion, Valid: true, Tool: r.Tool, Run: results.Run{DurationNs: 61e9},
		Target: r.Target, Environment: r.Environment}
}
