// SPDX-License-Identifier: Apache-2.0

// Package results is the vocabulary of a measurement: what the client saw of a
// request, what the kernel saw of the same bytes, and the one document that is
// made of both.
//
// The load generator (package load) and the kernel's view (package loader)
// never meet each other. Both speak the types of this package, and the command
// line hands them to the rooms below it:
//
//	results/join     matches Request and Observation by position in the stream
//	results/stats    makes distributions and intervals, with their counts
//	results/profile  makes pprof files of stacks
//	results/report   renders a Result as text, Markdown, JSON and HDR logs
//	results/store    writes a run folder, whole or not at all
//
// All times are nanoseconds of CLOCK_MONOTONIC, all sizes bytes, all shares
// percent. Nothing here opens a socket, loads a program or reads /proc.
package results
