// SPDX-License-Identifier: Apache-2.0

// Package stats makes figures of what a run recorded: distributions with the
// percentiles that their count supports, rates, confidence intervals, the legs
// of a request, the CPU's part, the probes' own cost and whether the
// measurement is valid. It also decides, slice by slice, how much of a run may
// be probed.
//
//	Merge          the client's view of all slices of one mode
//	Distribution   count, mean and supported percentiles of a histogram
//	Bars           a histogram for drawing
//	Bootstrap      intervals of throughput and percentiles
//	Legs           the parts of joined requests, slice after slice
//	Syscalls, CPU  the kernel's tables and clocks, per request
//	Overhead       what the probes cost, from neighbouring slices
//	Planner        bare or probed: which is next
//	Validity       reasons to distrust the run
//
// Percentiles are never averaged and histograms are merged by addition. What a
// sample can't support is nil, not a guess. Everything here is pure: no clock,
// and randomness only from a seed that the caller gives.
package stats
