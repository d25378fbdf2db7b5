// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	kneeWidth  = 1.3  // probes up to this multiple of the answer are at the knee
	spentShare = 0.90 // of the CPU time there is that counts as all of it
	stolenPct  = 5.0  // of the machine's time taken by the hypervisor that counts as too much
	idlePct    = 5.0  // of the machine's time idle that counts as none
	waitingPct = 50.0 // of a core below which a server with requests to answer waits most of the time
	fellBehind = 0.98 // of the offered rate that a server that keeps up answers at least
)

// Room is the CPU time that a server could use.
type Room struct {
	Threads int // of the server; 0: not known
	CPUs    int // of the machine
}

// knee is what the probes that missed just above a search's answer had in
// common: means, weighted by their lengths.
type knee struct {
	rate, achieved, seconds float64
	requests, failed        int64
	server                  *float64 // percent of one core
	generator, steal, idle  float64
	lag                     int64
	late                    bool
}

// GaveWay names what gave way where a search's limits were first missed, as one
// of the Gave words and in a sentence. It looks at the probes that missed a
// limit at up to 1.3 times the answer, or else at the lowest that did.
//
// In this order: the load generator, when nothing but its lateness bounds the
// answer; failed requests; the machine, when 5 % of its time was stolen; the
// server's CPU, when its threads used 90 % of what they could; the machine, when
// it had no idle time; something the server waits for, when it fell behind with
// CPU time to spare or used less than half a core; and otherwise its queue: it
// kept up, but requests that came close together had to wait for each other.
func GaveWay(s *results.Search, room Room) (word, reason string) {
	k := kneeOf(s)
	if k == nil {
		return results.GaveNothing, "no probe missed a limit"
	}
	at := fmt.Sprintf("at %.0f requests/s ", k.rate)
	switch {
	case k.late:
		return results.GaveGenerator, at + fmt.Sprintf("the load generator was late itself (by %v at p99, with %.0f %% of a core)",
			time.Duration(k.lag), k.generator)
	case float64(k.failed) > strictest(s.Limits)*float64(k.requests):
		return results.GaveErrors, at + fmt.Sprintf("%d of %d requests failed", k.failed, k.requests)
	case k.steal >= stolenPct:
		return results.GaveMachine, at + fmt.Sprintf("the hypervisor took %.0f %% of the machine's time", k.steal)
	case k.server != nil && *k.server >= 100*spentShare*room.cores():
		return results.GaveServerCPU, at + fmt.Sprintf("the server used %.0f %% of a core, all that its %s can", *k.server, threads(room.Threads))
	case k.idle <= idlePct:
		return results.GaveMachine, at + fmt.Sprintf("the machine's %d CPUs had %.0f %% idle time left; the load generator used %.0f %% of one",
			room.CPUs, k.idle, k.generator)
	case k.server == nil:
		return results.GaveUnknown, at + "the server gave way; its process is not known, so neither is what of it (--pid names it)"
	case k.achieved < fellBehind*k.rate && *k.server >= 100*spentShare:
		return results.GaveServerCPU, at + fmt.Sprintf("the server fell behind and used %.0f %% of a core, more than one of its %s can alone",
			*k.server, threads(room.Threads))
	case k.achieved < fellBehind*k.rate:
		return results.GaveUpstream, at + fmt.Sprintf("the server fell behind and used only %.0f %% of a core: it waits for something else, such as an upstream server, a lock or a disk",
			*k.server)
	case *k.server < waitingPct:
		return results.GaveUpstream, at + fmt.Sprintf("requests waited while the server used only %.0f %% of a core: it waits for something else most of the time, such as an upstream server, a lock or a disk",
			*k.server)
	}
	return results.GaveQueue, at + fmt.Sprintf("the server kept up with %.0f %% of a core, but requests that came close together waited for each other", *k.server)
}

// kneeOf sums up the probes at the knee; nil when none missed.
func kneeOf(s *results.Search) *knee {
	near := func(p *results.RateProbe) bool { return true }
	if lowest := lowestMiss(s); lowest != nil {
		top := lowest.OfferedRPS
		if s.RateRPS != nil {
			top = max(top, *s.RateRPS)
		}
		near = func(p *results.RateProbe) bool { return p.OfferedRPS <= kneeWidth*top }
	}
	k := &knee{late: s.LowerBound}
	var cpu, clocked float64
	for i := range s.Probes {
		p := &s.Probes[i]
		if !near(p) || p.Outcome != results.ProbeMissed && p.Outcome != results.ProbeDied && (p.Outcome != results.ProbeLate || !k.late) {
			continue
		}
		d := float64(p.DurationNs) / 1e9
		k.seconds += d
		k.rate += d * p.OfferedRPS
		k.achieved += d * p.AchievedRPS
		k.generator += d * p.GeneratorCPUPct
		k.steal += d * p.StealPct
		k.idle += d * p.IdlePct
		k.lag = max(k.lag, p.OwnLagP99)
		k.requests += p.Requests
		k.failed += p.Failed
		if p.ServerCPUPct != nil {
			cpu += d * *p.ServerCPUPct
			clocked += d
		}
	}
	if k.seconds == 0 {
		return nil
	}
	for _, v := range []*float64{&k.rate, &k.achieved, &k.generator, &k.steal, &k.idle} {
		*v /= k.seconds
	}
	if clocked > 0 {
		cpu /= clocked
		k.server = &cpu
	}
	return k
}

// lowestMiss is the probe of the lowest rate that missed a limit through the
// server, or, when the generator bounds the answer, through whatever.
func lowestMiss(s *results.Search) *results.RateProbe {
	var lowest *results.RateProbe
	for i := range s.Probes {
		p := &s.Probes[i]
		missed := p.Outcome == results.ProbeMissed || p.Outcome == results.ProbeDied || s.LowerBound && p.Outcome == results.ProbeLate
		if missed && (lowest == nil || p.OfferedRPS < lowest.OfferedRPS) {
			lowest = p
		}
	}
	return lowest
}

// strictest is the least share of requests that may be above a limit.
func strictest(limits []results.SearchLimit) float64 {
	least := 1.0
	for _, l := range limits {
		least = min(least, l.Share())
	}
	return least
}

// cores is how many CPUs the server's threads can use at once.
func (r Room) cores() float64 { return float64(max(1, min(r.Threads, r.CPUs))) }

func threads(n int) string {
	if n == 1 {
		return "one thread"
	}
	return fmt.Sprintf("%d threads", n)
}

// Utilisation is the CPU time of several processes between two readings of
// their clocks, in percent of one core; nil when a reading is missing.
func Utilisation(before, after []results.CPUTime) *float64 {
	if len(before) == 0 || len(before) != len(after) {
		return nil
	}
	sum := 0.0
	for i := range before {
		wall := after[i].At - before[i].At
		if wall <= 0 {
			return nil
		}
		sum += 100 * float64(after[i].Total-before[i].Total) / float64(wall)
	}
	return &sum
}

// SharePct is what part grew by between two readings, in percent of what the
// whole did; 0 when that did not.
func SharePct(partBefore, partAfter, wholeBefore, wholeAfter uint64) float64 {
	if wholeAfter <= wholeBefore || partAfter < partBefore {
		return 0
	}
	return 100 * float64(partAfter-partBefore) / float64(wholeAfter-wholeBefore)
}
